// For tests that need root: a namespace with two TAPs, a RIB and a KernelSync that follows it.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/namespace/scoped_namespace.h"
#include "common/rcu/qsbr_domain.h"
#include "common/tap/tap_device.h"
#include "router/control/kernel_sync.h"
#include "router/fib/forwarding_tables.h"
#include "router/rib/rib.h"

namespace flyover::router {

inline constexpr PortIndex kWan{0};
inline constexpr PortIndex kLan{1};

// A RIB of its own with small tables.
struct RibUnderTest {
  explicit RibUnderTest(const RouteCapacity& capacity = {})
      : qsbr(1), tables(Options()), rib(tables, qsbr, {capacity}) {
    for (const PortIndex port : {kWan, kLan}) {
      rib.SetPort(port, {MacAddress{{2, 0, 0, 0, 0, port.value()}}, 1500, true});
    }
  }
  static ForwardingTables::Options Options() {
    ForwardingTables::Options options;
    options.vrfs = {{.tbl8_groups = 4096, .fib6_nodes = 1u << 16}};
    options.groups = 1u << 12;
    options.adjacencies = 1u << 12;
    return options;
  }
  // "0 forward wan via 192.0.2.2 resolved" for the route that covers `address`.
  std::string Route(const std::string& address) const {
    const RouteExplanation found = rib.main().LookupRoute(*IpAddress::Parse(address));
    if (!found.route) return "none";
    std::string text = found.route->prefix.ToString() + " " + Name(found.action);
    for (const NexthopView& n : found.route->nexthops) {
      text += " " + std::string(n.port == kWan ? "wan" : "lan");
      if (n.gateway) text += "," + n.gateway->ToString();
      if (n.weight != 1) text += "*" + std::to_string(n.weight);
      if (n.gateway && n.state == AdjacencyState::kResolved) text += "," + n.mac.ToString();
    }
    return text;
  }
  static std::string Name(NexthopAction action) {
    switch (action) {
      case NexthopAction::kForward:
        return "forward";
      case NexthopAction::kGlean:
        return "glean";
      case NexthopAction::kLocal:
        return "local";
      case NexthopAction::kBroadcast:
        return "broadcast";
      case NexthopAction::kBlackhole:
        return "blackhole";
      case NexthopAction::kUnreachable:
        return "unreachable";
      case NexthopAction::kProhibit:
        return "prohibit";
      case NexthopAction::kHostUnreachable:
        return "host_unreachable";
      default:
        return "none";
    }
  }
  // Everything, to compare one RIB with another.
  std::vector<std::string> All() const {
    std::vector<std::string> all;
    rib.main().ForEachRoute([&](const RouteView& r) {
      std::string text = r.prefix.ToString() + " metric " + std::to_string(r.metric) + " proto " +
                         std::to_string(r.protocol) + " " + Name(r.action);
      std::vector<std::string> hops;
      for (const NexthopView& n : r.nexthops) {
        hops.push_back(" " + std::to_string(n.port.value()) + "/" +
                       (n.gateway ? n.gateway->ToString() : "link") + "*" +
                       std::to_string(n.weight));
      }
      std::ranges::sort(hops);
      for (const std::string& hop : hops) text += hop;
      all.push_back(text);
    });
    std::ranges::sort(all);
    return all;
  }

  QsbrDomain qsbr;
  ForwardingTables tables;
  Rib rib;
};

class KernelLab : public testing::Test {
 protected:
  using Clock = KernelSync::Clock;

  explicit KernelLab(const RouteCapacity& capacity = {}) : under_test(capacity) {}

  void SetUp() override {
    for (const char* name : {"wan", "lan"}) taps.push_back(OpenTap(name));
    ASSERT_TRUE(
        ns.Run("ip addr add 192.0.2.1/24 dev wan && ip addr add 10.0.0.1/24 dev lan && "
               "ip addr add 2001:db8:1::1/64 dev lan nodad && "
               "ip addr add 2001:db8:2::1/64 dev wan nodad"));
  }
  TapDevice OpenTap(const std::string& name) {
    TapOptions options;
    options.name = name;
    options.network_namespace = ns.name();
    Result<TapDevice> tap = TapDevice::Open(options);
    EXPECT_TRUE(tap.ok()) << tap.status().message();
    EXPECT_TRUE(tap->SetUp(true).ok());
    return std::move(*tap);
  }
  KernelSync::Options SyncOptions() {
    KernelSync::Options options;
    options.network_namespace = ns.name();
    options.ports = {{kWan, "wan"}, {kLan, "lan"}};
    options.on_link_change = [this](const PortLinkChange& c) { link_changes.push_back(c); };
    options.on_link_up = [this](PortIndex p) { links_up.push_back(p); };
    options.on_neighbor_settled = [this](PortIndex p, const IpAddress& a) {
      if (on_settled) on_settled(p, a);
    };
    return options;
  }
  void StartSync(const KernelSync::Options& options) {
    Result<std::unique_ptr<KernelSync>> opened = KernelSync::Open(options, under_test.rib);
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    sync = std::move(*opened);
    const Status status = sync->Start(Clock::now());
    ASSERT_TRUE(status.ok()) << status.message();
  }
  void StartSync() { StartSync(SyncOptions()); }

  // Serves the netlink socket until `condition` holds; false when it does not within 5 s.
  bool Await(const std::function<bool()>& condition) {
    const auto deadline = Clock::now() + std::chrono::seconds(5);
    while (!condition()) {
      if (Clock::now() > deadline) return false;
      pollfd wait{sync->fd(), POLLIN, 0};
      if (poll(&wait, 1, 10) == 1) sync->OnReadable(Clock::now());
      sync->Tick(Clock::now());
      if (also) also();
    }
    return true;
  }
  bool AwaitRoute(const std::string& address, const std::string& wanted) {
    const bool good = Await([&] { return under_test.Route(address) == wanted; });
    EXPECT_EQ(under_test.Route(address), wanted);
    return good;
  }
  void Ip(const std::string& arguments) const {
    EXPECT_TRUE(ns.Run("ip " + arguments)) << arguments;
  }

  ScopedNamespace ns{"fly2-kernel-sync"};
  std::vector<TapDevice> taps;
  RibUnderTest under_test;
  std::unique_ptr<KernelSync> sync;
  std::vector<PortLinkChange> link_changes;
  std::vector<PortIndex> links_up;
  std::function<void(PortIndex, const IpAddress&)> on_settled;
  std::function<void()> also;
};

}  // namespace flyover::router
