#include "router/rib/rib.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace flyover::router {
namespace {

constexpr PortIndex kP0{0};
constexpr PortIndex kP1{1};
constexpr PortIndex kP2{2};

IpPrefix P(const std::string& text) { return IpPrefix::Parse(text).value(); }
IpAddress A(const std::string& text) { return IpAddress::Parse(text).value(); }
MacAddress M(uint8_t last) { return {{2, 0, 0, 0, 0, last}}; }

class RibTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (uint8_t p = 0; p < 3; ++p) rib_.SetPort(PortIndex(p), Up(p));
  }
  static RibPort Up(uint8_t p) { return {M(static_cast<uint8_t>(0xa0 + p)), 1500, true}; }
  static RibPort Down(uint8_t p) { return {M(static_cast<uint8_t>(0xa0 + p)), 1500, false}; }

  void Connected(const std::string& prefix, PortIndex port, uint32_t metric = 0) {
    Upsert({P(prefix), metric, 2, NexthopAction::kGlean, {{std::nullopt, port, 1}}});
  }
  void Via(const std::string& prefix,
           const std::vector<std::pair<std::string, PortIndex>>& gateways, uint32_t metric = 0) {
    RibRoute route{P(prefix), metric, 4, NexthopAction::kForward, {}};
    for (const auto& [gateway, port] : gateways) route.nexthops.push_back({A(gateway), port, 1});
    Upsert(route);
  }
  void Upsert(const RibRoute& route) {
    const Status status = rib_.main().UpsertRoute(route);
    ASSERT_TRUE(status.ok()) << status.message();
  }
  void Remove(const std::string& prefix, uint32_t metric = 0) {
    ASSERT_TRUE(rib_.main().RemoveRoute(P(prefix), metric).ok()) << prefix;
  }

  GroupId Group(const std::string& address) const {
    return rib_.main().LookupRoute(A(address)).group;
  }
  NexthopAction Action(const std::string& address) const {
    return rib_.main().LookupRoute(A(address)).action;
  }
  // The adjacency of a packet to `address`. REQUIRES: kForward.
  Adjacency Adj(const std::string& address, uint32_t hash = 0) const {
    const GroupWord word = tables_.groups.Load(Group(address));
    EXPECT_EQ(word.action(), NexthopAction::kForward) << address;
    return word.action() == NexthopAction::kForward ? tables_.adjacencies.Get(word.Pick(hash))
                                                    : Adjacency{};
  }
  // The ports that packets to `address` leave by.
  std::set<unsigned> Ports(const std::string& address) const {
    std::set<unsigned> ports;
    for (uint32_t i = 0; i < 256; ++i) ports.insert(Adj(address, i << 24).port.value());
    return ports;
  }

  QsbrDomain qsbr_{1};
  ForwardingTables tables_{
      {.vrfs = {{.tbl8_groups = 64, .fib6_nodes = 4096}}, .groups = 256, .adjacencies = 256}};
  Rib rib_{tables_, qsbr_};
};

TEST_F(RibTest, NothingIsNoRoute) {
  EXPECT_EQ(Action("10.0.0.1"), NexthopAction::kNoRoute);
  EXPECT_EQ(Action("2001:db8::1"), NexthopAction::kNoRoute);
  EXPECT_FALSE(rib_.main().LookupRoute(A("10.0.0.1")).route.has_value());
}

TEST_F(RibTest, ActionsOfRoutes) {
  const std::map<std::string, NexthopAction> routes = {
      {"10.1.0.0/16", NexthopAction::kBlackhole},   {"10.2.0.0/16", NexthopAction::kUnreachable},
      {"10.3.0.0/16", NexthopAction::kProhibit},    {"10.4.0.1/32", NexthopAction::kLocal},
      {"10.4.0.255/32", NexthopAction::kBroadcast}, {"2001:db8:1::/48", NexthopAction::kProhibit},
      {"2001:db8::1/128", NexthopAction::kLocal}};
  for (const auto& [prefix, action] : routes) Upsert({P(prefix), 0, 4, action, {}});
  for (const auto& [prefix, action] : routes) {
    EXPECT_EQ(Action(P(prefix).address().ToString()), action) << prefix;
  }
}

TEST_F(RibTest, NeighborOnTheConnectedRouteGetsItsEntry) {
  Connected("10.0.1.0/24", kP1);
  EXPECT_EQ(Action("10.0.1.5"), NexthopAction::kGlean);
  EXPECT_EQ(tables_.groups.Load(Group("10.0.1.5")).port(), kP1);

  const uint32_t generation = tables_.neighbor_generation.load();
  rib_.SetNeighbor(kP1, A("10.0.1.5"), M(5));
  EXPECT_NE(tables_.neighbor_generation.load(), generation);
  const Adjacency adjacency = Adj("10.0.1.5");
  EXPECT_EQ(adjacency.state, AdjacencyState::kResolved);
  EXPECT_EQ(adjacency.dst_src_mac,
            (std::array<uint8_t, 12>{2, 0, 0, 0, 0, 5, 2, 0, 0, 0, 0, 0xa1}));
  EXPECT_EQ(adjacency.port, kP1);
  EXPECT_EQ(adjacency.mtu, 1500);
  EXPECT_EQ(adjacency.nexthop, A("10.0.1.5"));
  EXPECT_EQ(Action("10.0.1.6"), NexthopAction::kGlean);

  rib_.SetNeighborFailed(kP1, A("10.0.1.5"));
  EXPECT_EQ(Action("10.0.1.5"), NexthopAction::kHostUnreachable);
  rib_.SetNeighbor(kP1, A("10.0.1.5"), M(6));
  EXPECT_EQ(Adj("10.0.1.5").dst_src_mac[5], 6);
  rib_.RemoveNeighbor(kP1, A("10.0.1.5"));
  EXPECT_EQ(Action("10.0.1.5"), NexthopAction::kGlean);
  EXPECT_EQ(tables_.main().fib4.size(), 1u);
}

TEST_F(RibTest, NeighborOnIpv6) {
  Connected("2001:db8:1::/64", kP1);
  rib_.SetNeighbor(kP1, A("2001:db8:1::5"), M(5));
  EXPECT_EQ(Adj("2001:db8:1::5").nexthop, A("2001:db8:1::5"));
  rib_.SetNeighborFailed(kP1, A("2001:db8:1::5"));
  EXPECT_EQ(Action("2001:db8:1::5"), NexthopAction::kHostUnreachable);
}

TEST_F(RibTest, SameNeighborAgainChangesNothing) {
  rib_.SetNeighbor(kP1, A("10.0.1.5"), M(5));
  const uint32_t generation = tables_.neighbor_generation.load();
  rib_.SetNeighbor(kP1, A("10.0.1.5"), M(5));
  rib_.RemoveNeighbor(kP1, A("10.0.1.9"));
  EXPECT_EQ(tables_.neighbor_generation.load(), generation);
}

TEST_F(RibTest, NeighborOfAnotherPortOrWithoutConnectedRouteGetsNone) {
  Connected("10.0.1.0/24", kP1);
  Via("10.7.0.0/16", {{"10.0.1.1", kP1}});
  rib_.SetNeighbor(kP2, A("10.0.1.5"), M(5));
  rib_.SetNeighbor(kP1, A("10.7.0.1"), M(7));
  rib_.SetNeighbor(kP1, A("192.0.2.1"), M(8));
  EXPECT_EQ(Action("10.0.1.5"), NexthopAction::kGlean);
  EXPECT_EQ(Adj("10.7.0.1").nexthop, A("10.0.1.1"));
  EXPECT_EQ(Action("192.0.2.1"), NexthopAction::kNoRoute);
  // The right port's neighbour of the same address does count, and the other's departure does not
  // disturb it.
  rib_.SetNeighbor(kP1, A("10.0.1.5"), M(9));
  rib_.RemoveNeighbor(kP2, A("10.0.1.5"));
  EXPECT_EQ(Adj("10.0.1.5").dst_src_mac[5], 9);
}

TEST_F(RibTest, NeighborKnownBeforeItsRoute) {
  rib_.SetNeighbor(kP1, A("10.0.1.5"), M(5));
  EXPECT_EQ(Action("10.0.1.5"), NexthopAction::kNoRoute);
  Connected("10.0.1.0/24", kP1);
  EXPECT_EQ(Adj("10.0.1.5").dst_src_mac[5], 5);
  Remove("10.0.1.0/24");
  EXPECT_EQ(Action("10.0.1.5"), NexthopAction::kNoRoute);
  EXPECT_EQ(tables_.main().fib4.size(), 0u);
}

TEST_F(RibTest, LongerRouteOverConnectedTakesTheNeighborsEntry) {
  Connected("10.0.1.0/24", kP1);
  rib_.SetNeighbor(kP1, A("10.0.1.5"), M(5));
  rib_.SetNeighbor(kP1, A("10.0.1.200"), M(6));
  Via("10.0.1.0/25", {{"10.0.2.1", kP2}});
  EXPECT_EQ(Adj("10.0.1.5").nexthop, A("10.0.2.1"));
  EXPECT_EQ(Adj("10.0.1.200").nexthop, A("10.0.1.200"));
  Remove("10.0.1.0/25");
  EXPECT_EQ(Adj("10.0.1.5").nexthop, A("10.0.1.5"));
}

TEST_F(RibTest, HostRouteOfTheKernelWinsOverTheNeighbor) {
  Connected("10.0.1.0/24", kP1);
  rib_.SetNeighbor(kP1, A("10.0.1.5"), M(5));
  Via("10.0.1.5/32", {{"10.0.2.1", kP2}});
  EXPECT_EQ(Adj("10.0.1.5").nexthop, A("10.0.2.1"));
  rib_.SetNeighborFailed(kP1, A("10.0.1.5"));
  EXPECT_EQ(Adj("10.0.1.5").nexthop, A("10.0.2.1"));
  rib_.SetNeighbor(kP1, A("10.0.1.5"), M(5));
  Remove("10.0.1.5/32");
  EXPECT_EQ(Adj("10.0.1.5").nexthop, A("10.0.1.5"));
}

TEST_F(RibTest, ConnectedHostRouteIsResolvedByItsNeighbor) {
  Connected("10.0.1.5/32", kP1);
  EXPECT_EQ(Action("10.0.1.5"), NexthopAction::kGlean);
  rib_.SetNeighbor(kP1, A("10.0.1.5"), M(5));
  EXPECT_EQ(Adj("10.0.1.5").dst_src_mac[5], 5);
  Remove("10.0.1.5/32");
  EXPECT_EQ(Action("10.0.1.5"), NexthopAction::kNoRoute);
}

TEST_F(RibTest, GatewayFollowsItsNeighbor) {
  Connected("10.0.1.0/24", kP1);
  Via("10.9.0.0/16", {{"10.0.1.1", kP1}});
  const GroupId group = Group("10.9.0.1");
  EXPECT_EQ(Adj("10.9.0.1").state, AdjacencyState::kUnresolved);
  EXPECT_EQ(Adj("10.9.0.1").nexthop, A("10.0.1.1"));
  rib_.SetNeighbor(kP1, A("10.0.1.1"), M(1));
  EXPECT_EQ(Adj("10.9.0.1").state, AdjacencyState::kResolved);
  EXPECT_EQ(Adj("10.9.0.1").dst_src_mac[5], 1);
  rib_.SetNeighborFailed(kP1, A("10.0.1.1"));
  EXPECT_EQ(Adj("10.9.0.1").state, AdjacencyState::kFailed);
  EXPECT_TRUE((Adj("10.9.0.1").dst_src_mac[0] | Adj("10.9.0.1").dst_src_mac[5]) == 0);
  rib_.RemoveNeighbor(kP1, A("10.0.1.1"));
  EXPECT_EQ(Adj("10.9.0.1").state, AdjacencyState::kUnresolved);
  EXPECT_EQ(Group("10.9.0.1"), group) << "the FIB entry need not change";
}

TEST_F(RibTest, Ipv4ViaIpv6Gateway) {
  Via("10.9.0.0/16", {{"fe80::1", kP1}});
  EXPECT_EQ(Adj("10.9.0.1").nexthop, A("fe80::1"));
  rib_.SetNeighbor(kP1, A("fe80::1"), M(1));
  EXPECT_EQ(Adj("10.9.0.1").state, AdjacencyState::kResolved);
  EXPECT_EQ(rib_.main()
                .UpsertRoute(
                    {P("2001:db8::/32"), 0, 4, NexthopAction::kForward, {{A("10.0.1.1"), kP1, 1}}})
                .code(),
            StatusCode::kInvalidArgument);
}

TEST_F(RibTest, EqualNextHopsShareAGroup) {
  Via("10.1.0.0/16", {{"10.0.1.1", kP1}, {"10.0.2.1", kP2}});
  Via("10.2.0.0/16", {{"10.0.2.1", kP2}, {"10.0.1.1", kP1}});
  Via("10.3.0.0/16", {{"10.0.1.1", kP1}});
  EXPECT_EQ(Group("10.1.0.1"), Group("10.2.0.1"));
  EXPECT_NE(Group("10.1.0.1"), Group("10.3.0.1"));
  EXPECT_EQ(tables_.groups.used(), 2u);
  EXPECT_EQ(tables_.adjacencies.used(), 2u);
  Remove("10.1.0.0/16");
  Remove("10.2.0.0/16");
  Remove("10.3.0.0/16");
  qsbr_.Reclaim();
  EXPECT_EQ(tables_.groups.used(), 0u);
  EXPECT_EQ(tables_.adjacencies.used(), 0u);
}

TEST_F(RibTest, LowestMetricWins) {
  Via("0.0.0.0/0", {{"10.0.2.1", kP2}}, 200);
  EXPECT_EQ(Adj("8.8.8.8").port, kP2);
  Via("0.0.0.0/0", {{"10.0.1.1", kP1}}, 100);
  EXPECT_EQ(Adj("8.8.8.8").port, kP1);
  Via("0.0.0.0/0", {{"10.0.0.1", kP0}}, 300);
  EXPECT_EQ(Adj("8.8.8.8").port, kP1);
  Remove("0.0.0.0/0", 100);
  EXPECT_EQ(Adj("8.8.8.8").port, kP2);
  Remove("0.0.0.0/0", 200);
  EXPECT_EQ(Adj("8.8.8.8").port, kP0);
  Remove("0.0.0.0/0", 300);
  EXPECT_EQ(Action("8.8.8.8"), NexthopAction::kNoRoute);
  EXPECT_EQ(rib_.main().RemoveRoute(P("0.0.0.0/0"), 300).code(), StatusCode::kNotFound);
  EXPECT_EQ(rib_.main().route_count(), 0u);
}

TEST_F(RibTest, SameKeyReplaces) {
  Via("::/0", {{"fe80::1", kP1}}, 1024);
  Via("::/0", {{"fe80::2", kP2}}, 1024);
  EXPECT_EQ(Adj("2001:db8::1").nexthop, A("fe80::2"));
  EXPECT_EQ(rib_.main().route_count(), 1u);
}

TEST_F(RibTest, PortDownLeavesTheGroupAndComesBack) {
  Via("10.9.0.0/16", {{"10.0.1.1", kP1}, {"10.0.2.1", kP2}});
  EXPECT_EQ(Ports("10.9.0.1"), (std::set<unsigned>{1, 2}));
  rib_.SetPort(kP1, Down(1));
  EXPECT_EQ(Ports("10.9.0.1"), (std::set<unsigned>{2}));
  rib_.SetPort(kP1, Up(1));
  unsigned first = 0;
  for (uint32_t i = 0; i < 64; ++i) first += Adj("10.9.0.1", i << 26).port == kP1 ? 1 : 0;
  EXPECT_EQ(first, 32u);
}

TEST_F(RibTest, RouteWithoutLivePortGivesWayToTheNextMetricOrTheShorterPrefix) {
  Via("10.0.0.0/8", {{"10.255.0.1", kP0}});
  Via("10.9.0.0/16", {{"10.0.1.1", kP1}}, 10);
  Via("10.9.0.0/16", {{"10.0.2.1", kP2}}, 20);
  EXPECT_EQ(Adj("10.9.0.1").port, kP1);
  rib_.SetPort(kP1, Down(1));
  EXPECT_EQ(Adj("10.9.0.1").port, kP2);
  rib_.SetPort(kP2, Down(2));
  EXPECT_EQ(Adj("10.9.0.1").port, kP0);
  rib_.SetPort(kP0, Down(0));
  EXPECT_EQ(Action("10.9.0.1"), NexthopAction::kNoRoute);
  for (uint8_t p = 0; p < 3; ++p) rib_.SetPort(PortIndex(p), Up(p));
  EXPECT_EQ(Adj("10.9.0.1").port, kP1);
}

TEST_F(RibTest, PortDownTakesItsConnectedRouteAndNeighbors) {
  Via("0.0.0.0/0", {{"10.0.2.1", kP2}});
  Connected("10.0.1.0/24", kP1);
  rib_.SetNeighbor(kP1, A("10.0.1.5"), M(5));
  rib_.SetPort(kP1, Down(1));
  EXPECT_EQ(Adj("10.0.1.5").port, kP2);
  EXPECT_EQ(Adj("10.0.1.6").port, kP2);
  rib_.SetPort(kP1, Up(1));
  EXPECT_EQ(Adj("10.0.1.5").port, kP1);
  EXPECT_EQ(Action("10.0.1.6"), NexthopAction::kGlean);
}

TEST_F(RibTest, RouteBeforeItsPort) {
  const PortIndex later{7};
  Via("10.9.0.0/16", {{"10.0.1.1", later}});
  EXPECT_EQ(Action("10.9.0.1"), NexthopAction::kNoRoute);
  rib_.SetPort(later, Up(7));
  EXPECT_EQ(Adj("10.9.0.1").dst_src_mac[11], 0xa7);
}

TEST_F(RibTest, PortsMacAndMtuReachTheAdjacencies) {
  Connected("10.0.1.0/24", kP1);
  rib_.SetNeighbor(kP1, A("10.0.1.1"), M(1));
  Via("10.9.0.0/16", {{"10.0.1.1", kP1}});
  RibRoute narrow{P("10.8.0.0/16"), 0, 4, NexthopAction::kForward, {{A("10.0.1.1"), kP1, 1}}, 1400};
  Upsert(narrow);
  rib_.SetPort(kP1, {M(0xbb), 9000, true});
  for (const char* address : {"10.9.0.1", "10.0.1.1", "10.8.0.1"}) {
    EXPECT_EQ(Adj(address).dst_src_mac[11], 0xbb) << address;
    EXPECT_EQ(Adj(address).dst_src_mac[5], 1) << address;
  }
  EXPECT_EQ(Adj("10.9.0.1").mtu, 9000);
  EXPECT_EQ(Adj("10.8.0.1").mtu, 1400);
  rib_.SetPort(kP1, {M(0xbb), 1280, true});
  EXPECT_EQ(Adj("10.8.0.1").mtu, 1280);
  rib_.SetNeighbor(kP1, A("10.0.1.1"), M(2));
  EXPECT_EQ(Adj("10.8.0.1").dst_src_mac[5], 2);
  EXPECT_EQ(Adj("10.9.0.1").dst_src_mac[5], 2);
}

TEST_F(RibTest, NextHopTwiceInARouteAddsItsWeights) {
  RibRoute route{P("10.9.0.0/16"),
                 0,
                 4,
                 NexthopAction::kForward,
                 {{A("10.0.1.1"), kP1, 1}, {A("10.0.2.1"), kP2, 1}, {A("10.0.1.1"), kP1, 2}}};
  Upsert(route);
  unsigned first = 0;
  for (uint32_t i = 0; i < 64; ++i) first += Adj("10.9.0.1", i << 26).port == kP1 ? 1 : 0;
  EXPECT_EQ(first, 48u);
}

TEST_F(RibTest, RouteThatLosesANextHopMovesOnlyItsFlows) {
  rib_.SetPort(PortIndex(3), Up(3));
  const std::vector<std::pair<std::string, PortIndex>> all = {
      {"10.0.0.1", kP0}, {"10.0.1.1", kP1}, {"10.0.2.1", kP2}, {"10.0.3.1", PortIndex(3)}};
  Via("10.9.0.0/16", all);
  std::map<uint32_t, PortIndex> before;
  for (uint32_t i = 0; i < 64; ++i) before[i << 26] = Adj("10.9.0.1", i << 26).port;
  Via("10.9.0.0/16", {all[0], all[1], all[3]});
  for (const auto& [hash, port] : before) {
    if (port != kP2) {
      EXPECT_EQ(Adj("10.9.0.1", hash).port, port);
    }
  }
  EXPECT_EQ(Ports("10.9.0.1").size(), 3u);
}

TEST_F(RibTest, RefusesRoutesThatMakeNoSense) {
  const auto code = [&](const RibRoute& route) { return rib_.main().UpsertRoute(route).code(); };
  const RibNexthop good{A("10.0.1.1"), kP1, 1};
  EXPECT_EQ(code({P("10.0.0.0/8"), 0, 4, NexthopAction::kForward, {}}),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(code({P("10.0.0.0/8"), 0, 4, NexthopAction::kForward, {{std::nullopt, kP1, 1}, good}}),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(code({P("10.0.0.0/8"), 0, 4, NexthopAction::kForward, {{A("10.0.1.1"), kP1, 0}}}),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(code({P("10.0.0.0/8"), 0, 4, NexthopAction::kForward, {{A("10.0.1.1"), kNoPort, 1}}}),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(code({P("10.0.0.0/8"), 0, 4, NexthopAction::kGlean, {good}}),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(code({P("10.0.0.0/8"), 0, 4, NexthopAction::kNoRoute, {}}),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(rib_.main().route_count(), 0u);
}

TEST_F(RibTest, FullFibRefusesTheRouteAndKeepsTheOthers) {
  Upsert({P("10.0.0.0/8"), 0, 4, NexthopAction::kBlackhole, {}});
  unsigned added = 0;
  Status status;
  for (; added <= 64; ++added) {
    const IpPrefix host(Ipv4Address{0x0a000001 + (added << 8)}, 32);
    status = rib_.main().UpsertRoute({host, 0, 4, NexthopAction::kProhibit, {}});
    if (!status.ok()) break;
  }
  EXPECT_EQ(added, 64u);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Action("10.0.63.1"), NexthopAction::kProhibit);
  EXPECT_EQ(Action("10.0.64.1"), NexthopAction::kBlackhole);
  EXPECT_EQ(rib_.main().route_count(), 65u);
  EXPECT_EQ(rib_.main().RemoveRoute(P("10.0.64.1/32"), 0).code(), StatusCode::kNotFound);
  // A neighbour that finds no room is counted, and forgotten without harm.
  Connected("10.1.0.0/24", kP1);
  rib_.SetNeighbor(kP1, A("10.1.0.1"), M(1));
  EXPECT_EQ(Action("10.1.0.1"), NexthopAction::kGlean);
  EXPECT_EQ(rib_.refused_changes(), 1u);
  rib_.RemoveNeighbor(kP1, A("10.1.0.1"));
  EXPECT_EQ(Action("10.1.0.1"), NexthopAction::kGlean);
}

TEST_F(RibTest, AsManyRoutesAsTheDocumentAllows) {
  QsbrDomain qsbr(1);
  ForwardingTables tables(
      {.vrfs = {{.tbl8_groups = 64, .fib6_nodes = 4096}}, .groups = 256, .adjacencies = 256});
  Rib rib(tables, qsbr, {{.ipv4 = 3, .ipv6 = 2}});
  rib.SetPort(kP0, Up(0));
  const auto add = [&](const char* prefix, uint32_t metric, NexthopAction action) {
    RibRoute route{P(prefix), metric, 4, action, {}};
    if (action == NexthopAction::kGlean) route.nexthops = {{std::nullopt, kP0, 1}};
    return rib.main().UpsertRoute(route).code();
  };
  const auto action = [&](const char* address) {
    return rib.main().LookupRoute(A(address)).action;
  };
  constexpr auto kBlackhole = NexthopAction::kBlackhole;
  constexpr auto kProhibit = NexthopAction::kProhibit;
  for (const bool v4 : {true, false}) {
    const IpFamily family = v4 ? IpFamily::kIpv4 : IpFamily::kIpv6;
    EXPECT_EQ(add(v4 ? "10.0.0.0/8" : "2001:db8::/32", 0, kBlackhole), StatusCode::kOk);
    EXPECT_EQ(add(v4 ? "10.1.0.0/16" : "2001:db8:1::/48", 0, kProhibit), StatusCode::kOk);
    if (v4) {
      EXPECT_EQ(add("10.1.0.0/16", 7, kBlackhole), StatusCode::kOk);
    }
    EXPECT_DOUBLE_EQ(rib.main().fill(family).share(), 1.0);
    EXPECT_EQ(add(v4 ? "10.2.0.0/16" : "2001:db8:2::/48", 0, kProhibit),
              StatusCode::kResourceExhausted);
    EXPECT_EQ(action(v4 ? "10.2.0.1" : "2001:db8:2::1"), kBlackhole)
        << "the covering route goes on";
    // What is there may change, and what the box cannot do without comes in.
    EXPECT_EQ(add(v4 ? "10.1.0.0/16" : "2001:db8:1::/48", 0, kBlackhole), StatusCode::kOk);
    EXPECT_EQ(add(v4 ? "10.3.0.1/32" : "2001:db8:3::1/128", 0, NexthopAction::kLocal),
              StatusCode::kOk);
    EXPECT_EQ(add(v4 ? "10.3.0.0/24" : "2001:db8:3::/64", 0, NexthopAction::kGlean),
              StatusCode::kOk);
    EXPECT_EQ(action(v4 ? "10.3.0.9" : "2001:db8:3::9"), NexthopAction::kGlean);
    EXPECT_EQ(rib.main().fill(family).routes, v4 ? 5u : 4u);
    // Room again: for one, not for two.
    for (const char* gone :
         {v4 ? "10.3.0.1/32" : "2001:db8:3::1/128", v4 ? "10.3.0.0/24" : "2001:db8:3::/64",
          v4 ? "10.1.0.0/16" : "2001:db8:1::/48"}) {
      EXPECT_TRUE(rib.main().RemoveRoute(P(gone), 0).ok());
    }
    EXPECT_EQ(add(v4 ? "10.2.0.0/16" : "2001:db8:2::/48", 0, kProhibit), StatusCode::kOk);
    EXPECT_EQ(action(v4 ? "10.2.0.1" : "2001:db8:2::1"), kProhibit);
    EXPECT_EQ(add(v4 ? "10.4.0.0/16" : "2001:db8:4::/48", 0, kProhibit),
              StatusCode::kResourceExhausted);
  }
}

TEST_F(RibTest, Views) {
  Connected("10.0.1.0/24", kP1, 5);
  Via("10.9.0.0/16", {{"10.0.1.1", kP1}, {"10.0.2.1", kP2}}, 10);
  Upsert({P("10.9.0.0/16"), 20, 4, NexthopAction::kBlackhole, {}});
  rib_.SetNeighbor(kP1, A("10.0.1.1"), M(1));
  rib_.SetNeighborFailed(kP2, A("10.0.2.1"));

  std::map<std::pair<IpPrefix, uint32_t>, RouteView> routes;
  rib_.main().ForEachRoute([&](const RouteView& r) { routes[{r.prefix, r.metric}] = r; });
  ASSERT_EQ(routes.size(), 3u);
  const RouteView& ecmp = routes.at({P("10.9.0.0/16"), 10});
  EXPECT_TRUE(ecmp.best);
  ASSERT_EQ(ecmp.nexthops.size(), 2u);
  EXPECT_EQ(ecmp.nexthops[0].state, AdjacencyState::kResolved);
  EXPECT_EQ(ecmp.nexthops[0].mac, M(1));
  EXPECT_EQ(ecmp.nexthops[1].state, AdjacencyState::kFailed);
  EXPECT_TRUE(routes.at({P("10.9.0.0/16"), 20}).usable);
  EXPECT_FALSE(routes.at({P("10.9.0.0/16"), 20}).best);

  std::vector<NeighborView> neighbors;
  rib_.ForEachNeighbor([&](const NeighborView& n) { neighbors.push_back(n); });
  ASSERT_EQ(neighbors.size(), 2u);
  EXPECT_TRUE(neighbors[0].host_entry);
  EXPECT_FALSE(neighbors[1].host_entry);

  const RouteExplanation host = rib_.main().LookupRoute(A("10.0.1.1"));
  EXPECT_EQ(host.route->prefix, P("10.0.1.0/24"));
  EXPECT_EQ(host.neighbor->mac, M(1));
  EXPECT_EQ(host.action, NexthopAction::kForward);
  const RouteExplanation routed = rib_.main().LookupRoute(A("10.9.3.4"));
  EXPECT_EQ(routed.route->metric, 10u);
  EXPECT_FALSE(routed.neighbor.has_value());
}

}  // namespace
}  // namespace flyover::router
