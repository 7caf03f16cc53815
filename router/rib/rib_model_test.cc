// Random routes, neighbours and ports, against the rules of rib.h written down directly.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "router/rib/rib.h"

namespace flyover::router {
namespace {

constexpr unsigned kPorts = 3;

struct Model {
  std::map<std::pair<IpPrefix, uint32_t>, RibRoute> routes;
  std::map<std::pair<IpAddress, PortIndex>, Neighbor> neighbors;
  std::array<RibPort, kPorts> ports{};

  bool Usable(const RibRoute& route) const {
    return route.nexthops.empty() ||
           std::any_of(route.nexthops.begin(), route.nexthops.end(),
                       [&](const RibNexthop& n) { return ports[n.port.value()].up; });
  }
  const RibRoute* Best(const IpAddress& address) const {
    const RibRoute* best = nullptr;
    for (const auto& [key, route] : routes) {
      if (!route.prefix.Contains(address) || !Usable(route)) continue;
      // By prefix and then metric: the first of a prefix is the best of it.
      if (best == nullptr || route.prefix.length() > best->prefix.length()) best = &route;
    }
    return best;
  }
  Neighbor NeighborOf(const IpAddress& address, PortIndex port) const {
    const auto it = neighbors.find({address, port});
    return it == neighbors.end() ? Neighbor{} : it->second;
  }
};

class Checker {
 public:
  Checker(const Model& model, const ForwardingTables& tables) : model_(model), tables_(tables) {}

  void Check(const IpAddress& address) const {
    SCOPED_TRACE(address.ToString());
    const GroupWord word = tables_.groups.Load(Lookup(address));
    const RibRoute* const route = model_.Best(address);
    if (route == nullptr) {
      ASSERT_EQ(word.action(), NexthopAction::kNoRoute);
      return;
    }
    if (route->action == NexthopAction::kGlean) {
      CheckOnLink(address, route->nexthops[0].port, word);
      return;
    }
    ASSERT_EQ(word.action(), route->action) << route->prefix.ToString();
    if (word.action() != NexthopAction::kForward) return;
    std::map<std::pair<IpAddress, PortIndex>, unsigned> picked;
    for (uint32_t i = 0; i < 64; ++i) {
      const Adjacency& a = tables_.adjacencies.Get(word.Pick(i << 26));
      ++picked[{a.nexthop, a.port}];
      CheckAdjacency(a);
    }
    std::map<std::pair<IpAddress, PortIndex>, unsigned> expected;
    for (const RibNexthop& n : route->nexthops) {
      if (model_.ports[n.port.value()].up) expected[{*n.gateway, n.port}] += n.weight;
    }
    ASSERT_EQ(picked.size(), expected.size());
    for (const auto& [who, count] : picked) ASSERT_EQ(expected.count(who), 1u);
  }

 private:
  GroupId Lookup(const IpAddress& address) const { return tables_.main().Lookup(address); }

  void CheckOnLink(const IpAddress& address, PortIndex port, GroupWord word) const {
    switch (model_.NeighborOf(address, port).state) {
      case AdjacencyState::kUnresolved:
        ASSERT_EQ(word.action(), NexthopAction::kGlean);
        ASSERT_EQ(word.port(), port);
        break;
      case AdjacencyState::kFailed:
        ASSERT_EQ(word.action(), NexthopAction::kHostUnreachable);
        break;
      case AdjacencyState::kResolved: {
        ASSERT_EQ(word.action(), NexthopAction::kForward);
        const Adjacency& a = tables_.adjacencies.Get(word.Pick(0));
        ASSERT_EQ(a.nexthop, address);
        ASSERT_EQ(a.port, port);
        CheckAdjacency(a);
        break;
      }
    }
  }

  void CheckAdjacency(const Adjacency& a) const {
    const Neighbor neighbor = model_.NeighborOf(a.nexthop, a.port);
    ASSERT_EQ(a.state, neighbor.state);
    ASSERT_TRUE(
        std::equal(neighbor.mac.bytes.begin(), neighbor.mac.bytes.end(), a.dst_src_mac.begin()));
    const MacAddress& source = model_.ports[a.port.value()].mac;
    ASSERT_TRUE(std::equal(source.bytes.begin(), source.bytes.end(), a.dst_src_mac.begin() + 6));
    ASSERT_EQ(a.mtu, model_.ports[a.port.value()].mtu);
  }

  const Model& model_;
  const ForwardingTables& tables_;
};

TEST(RibModel, FibFollowsTheRules) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::printf("seed %lu\n", seed);
  std::mt19937_64 random(seed);
  QsbrDomain qsbr(1);
  ForwardingTables tables(
      {.vrfs = {{.tbl8_groups = 64, .fib6_nodes = 1u << 14}}, .groups = 4096, .adjacencies = 4096});
  Rib rib(tables, qsbr);
  Model model;
  const Checker checker(model, tables);

  // Few addresses, so that routes, neighbours and gateways meet.
  const auto address = [&]() -> IpAddress {
    const auto low = static_cast<uint8_t>(random() % 8 << (random() % 5));
    if (random() % 2 == 0) return Ipv4Address{0x0a000000u | low};
    Ipv6Address a{{0x20, 0x01}};
    a.bytes[15] = low;
    return a;
  };
  const auto prefix = [&] {
    const IpAddress a = address();
    const auto cut = static_cast<unsigned>(random() % 9);
    return random() % 32 == 0 ? IpPrefix(a, 0) : IpPrefix(a, a.bits() - cut);
  };
  const auto port = [&] { return PortIndex(static_cast<uint8_t>(random() % kPorts)); };
  const auto mac = [&] { return MacAddress{{2, 0, 0, 0, 0, static_cast<uint8_t>(random())}}; };

  for (unsigned step = 0; step < 40'000; ++step) {
    switch (random() % 8) {
      case 0:
      case 1:
      case 2: {
        static constexpr NexthopAction kActions[] = {
            NexthopAction::kForward, NexthopAction::kForward, NexthopAction::kGlean,
            NexthopAction::kGlean,   NexthopAction::kLocal,   NexthopAction::kBlackhole};
        RibRoute route{
            prefix(), static_cast<uint32_t>(random() % 3), 4, kActions[random() % 6], {}};
        if (route.action == NexthopAction::kGlean) route.nexthops = {{std::nullopt, port(), 1}};
        if (route.action == NexthopAction::kForward) {
          for (size_t n = 1 + random() % 3; n > 0; --n) {
            IpAddress gateway = address();
            while (route.prefix.family() == IpFamily::kIpv6 && gateway.is_v4()) gateway = address();
            route.nexthops.push_back({gateway, port(), static_cast<uint16_t>(1 + random() % 3)});
          }
        }
        ASSERT_TRUE(rib.main().UpsertRoute(route).ok());
        model.routes[{route.prefix, route.metric}] = route;
        break;
      }
      case 3:
      case 4: {
        if (model.routes.empty()) break;
        auto it = model.routes.begin();
        std::advance(it, random() % model.routes.size());
        ASSERT_TRUE(rib.main().RemoveRoute(it->first.first, it->first.second).ok());
        model.routes.erase(it);
        break;
      }
      case 5: {
        const PortIndex p = port();
        // Mostly up, or nothing but no_route would be seen.
        const RibPort state{mac(), static_cast<uint16_t>(1280 + random() % 3 * 110),
                            random() % 4 != 0};
        rib.SetPort(p, state);
        model.ports[p.value()] = state;
        break;
      }
      default: {
        const IpAddress a = address();
        const PortIndex p = port();
        switch (random() % 4) {
          case 0:
            rib.RemoveNeighbor(p, a);
            model.neighbors.erase({a, p});
            break;
          case 1:
            rib.SetNeighborFailed(p, a);
            model.neighbors[{a, p}] = {AdjacencyState::kFailed, {}};
            break;
          default: {
            const MacAddress m = mac();
            rib.SetNeighbor(p, a, m);
            model.neighbors[{a, p}] = {AdjacencyState::kResolved, m};
          }
        }
      }
    }
    qsbr.Reclaim();
    for (unsigned i = 0; i < 4; ++i) ASSERT_NO_FATAL_FAILURE(checker.Check(address()));
    ASSERT_EQ(rib.main().route_count(), model.routes.size());
    ASSERT_EQ(rib.neighbor_count(), model.neighbors.size());
  }
  EXPECT_EQ(rib.refused_changes(), 0u);

  // Everything goes: nothing may be left.
  while (!model.routes.empty()) {
    const auto key = model.routes.begin()->first;
    ASSERT_TRUE(rib.main().RemoveRoute(key.first, key.second).ok());
    model.routes.erase(model.routes.begin());
  }
  qsbr.Reclaim();
  EXPECT_EQ(tables.main().fib4.size() + tables.main().fib6.size(), 0u);
  EXPECT_EQ(tables.groups.used(), 0u);
  EXPECT_EQ(tables.adjacencies.used(), 0u);
  EXPECT_EQ(tables.main().fib6.nodes_used(), 0u);
  EXPECT_EQ(tables.main().fib4.tbl8_groups_used(), 0u);
}

}  // namespace
}  // namespace flyover::router
