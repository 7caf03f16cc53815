// Needs root. What the document puts into the kernel, seen with the kernel's own `ip`; and the
// resolver against a real neighbour table.
#include "router/control/static_state.h"

#include "router/control/kernel_lab.h"
#include "router/control/neighbor_resolver.h"
#include "router/control/vip_addresses.h"

namespace flyover::router {
namespace {

class StaticStateLab : public KernelLab {
 protected:
  void SetUp() override {
    for (const char* name : {"wan", "lan"}) taps.push_back(OpenTap(name));
    Result<StaticState> opened = StaticState::Open(ns.name());
    ASSERT_TRUE(opened.ok());
    state = std::make_unique<StaticState>(std::move(*opened));
  }
  static std::vector<StaticPort> Ports(const std::vector<std::string>& wan,
                                       const std::vector<std::string>& lan) {
    std::vector<StaticPort> ports = {{kWan, "wan", {}}, {kLan, "lan", {}}};
    for (const auto& a : wan) ports[0].addresses.push_back(*InterfaceAddress::Parse(a));
    for (const auto& a : lan) ports[1].addresses.push_back(*InterfaceAddress::Parse(a));
    return ports;
  }
  static StaticRoute Route(const std::string& to, const std::vector<StaticNexthop>& nexthops) {
    StaticRoute route;
    route.to = *IpPrefix::Parse(to);
    route.nexthops = nexthops;
    return route;
  }
  static StaticNexthop Via(const std::string& gateway, uint16_t weight = 1) {
    return {IpAddress::Parse(gateway), std::nullopt, weight};
  }
  void ExpectNoErrors(const std::vector<Status>& errors) {
    for (const Status& error : errors) ADD_FAILURE() << error.message();
  }
  std::string Routes() const {
    return ns.Output("ip route show proto 170; ip -6 route show proto 170");
  }
  // "ADDRESS/LENGTH " of every address under that protocol number; Debian 12's ip cannot tell.
  std::string Addresses(int protocol = 170) const {
    Result<netlink::Socket> socket = netlink::Socket::Open({ns.name(), {}, 0});
    std::string text;
    for (const uint8_t family : netlink::kIpFamilies) {
      const auto outcome = socket->Dump(netlink::DumpAddresses(family), [&](netlink::Bytes b) {
        const auto m = netlink::ParseAddress(b);
        if (m && m->protocol == protocol) text += m->address.ToString() + " ";
      });
      EXPECT_TRUE(outcome.ok());
    }
    return text;
  }
  static bool Has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  std::unique_ptr<StaticState> state;
};

TEST_F(StaticStateLab, DocumentGoesIntoTheKernelAndOutAgain) {
  StaticRoute blackhole = Route("10.1.0.0/16", {});
  blackhole.type = StaticRouteType::kBlackhole;
  StaticRoute with_metric = Route("10.2.0.0/16", {Via("10.0.0.2")});
  with_metric.metric = 50;
  StaticRoute on_link = Route("10.3.0.0/16", {{std::nullopt, kLan, 1}});
  const std::vector<StaticRoute> routes = {
      Route("0.0.0.0/0", {Via("192.0.2.2")}),
      Route("10.9.0.0/16", {Via("10.0.0.2", 2), Via("10.0.0.3")}),
      Route("2001:db8:9::/48", {Via("2001:db8:1::2"), Via("2001:db8:1::3", 5)}),
      Route("2001:db8:8::/48", {{IpAddress::Parse("fe80::7"), kLan, 1}}),
      blackhole,
      with_metric,
      on_link,
  };
  const auto ports = Ports({"192.0.2.1/24"}, {"10.0.0.1/24", "2001:db8:1::1/64"});
  ExpectNoErrors(state->Apply(ports, routes));
  const std::string first = Routes();
  EXPECT_TRUE(Has(first, "default via 192.0.2.2 dev wan")) << first;
  EXPECT_TRUE(Has(first, "via 10.0.0.2 dev lan weight 2")) << first;
  EXPECT_TRUE(Has(first, "via 2001:db8:1::3 dev lan weight 5")) << first;
  EXPECT_TRUE(Has(first, "via fe80::7 dev lan")) << first;
  EXPECT_TRUE(Has(first, "blackhole 10.1.0.0/16")) << first;
  EXPECT_TRUE(Has(first, "10.2.0.0/16 via 10.0.0.2 dev lan metric 50")) << first;
  EXPECT_TRUE(Has(first, "10.3.0.0/16 dev lan scope link")) << first;
  EXPECT_TRUE(Has(Addresses(), "192.0.2.1/24"));
  EXPECT_TRUE(Has(ns.Output("ip addr show wan"), "192.0.2.1/24 brd 192.0.2.255"));
  EXPECT_TRUE(Has(Addresses(), "2001:db8:1::1/64"));

  // The same again changes nothing: no route flaps.
  StartSync();
  const uint64_t messages = sync->counters().messages;
  ExpectNoErrors(state->Reapply());
  sync->OnReadable(Clock::now());
  EXPECT_EQ(sync->counters().messages, messages);

  // Another process with a shorter document takes away what the first one left.
  Result<StaticState> later = StaticState::Open(ns.name());
  ASSERT_TRUE(later.ok());
  ExpectNoErrors(later->Apply(Ports({"192.0.2.1/24"}, {"10.0.0.7/24"}),
                              {Route("10.9.0.0/16", {Via("10.0.0.4")})}));
  EXPECT_EQ(ns.Output("ip route show proto 170 | wc -l"), "1\n") << Routes();
  EXPECT_TRUE(Has(Routes(), "10.9.0.0/16 via 10.0.0.4 dev lan")) << Routes();
  EXPECT_FALSE(Has(Addresses(), "2001:db8:1::1"));
  EXPECT_FALSE(Has(Addresses(), "10.0.0.1/24"));
  EXPECT_TRUE(Has(Addresses(), "10.0.0.7/24"));
  ExpectNoErrors(later->Apply(Ports({}, {}), {}));
  EXPECT_EQ(Routes() + Addresses(), "");
}

// What users saw: BIRD lost its sessions at every restart of the daemon, since addresses went for a
// moment.
TEST_F(StaticStateLab, RestartLeavesAddressesAloneUntilItHasADocument) {
  const auto ports = Ports({"192.0.2.1/24"}, {"2001:db8:1::1/64"});
  ExpectNoErrors(state->Apply(ports, {Route("10.9.0.0/16", {Via("192.0.2.2")})}));
  const std::string before = Addresses() + Routes();
  Result<StaticState> later = StaticState::Open(ns.name());
  ASSERT_TRUE(later.ok());
  ExpectNoErrors(later->Reapply());
  EXPECT_EQ(Addresses() + Routes(), before);
}

TEST_F(StaticStateLab, ChangedRouteIsReplacedWithoutAGap) {
  const auto ports = Ports({"192.0.2.1/24"}, {"10.0.0.1/24", "2001:db8:1::1/64"});
  ExpectNoErrors(state->Apply(ports, {Route("10.9.0.0/16", {Via("10.0.0.2")}),
                                      Route("2001:db8:9::/48", {Via("2001:db8:1::2")})}));
  StartSync();
  const uint64_t changes = sync->counters().routes.changes;
  ExpectNoErrors(state->Apply(
      ports, {Route("10.9.0.0/16", {Via("10.0.0.3")}),
              Route("2001:db8:9::/48", {Via("2001:db8:1::3"), Via("2001:db8:1::4")})}));
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.3");
  AwaitRoute("2001:db8:9::1", "2001:db8:9::/48 forward lan,2001:db8:1::3 lan,2001:db8:1::4");
  EXPECT_EQ(sync->counters().routes.changes, changes + 2);
}

TEST_F(StaticStateLab, WhatOthersPutThereStays) {
  const auto ports = Ports({"192.0.2.1/24"}, {"10.0.0.1/24"});
  ExpectNoErrors(state->Apply(ports, {}));
  Ip("route add 10.9.0.0/16 via 10.0.0.9");
  Ip("addr add 10.0.0.50/24 dev lan");
  const std::vector<Status> errors = state->Apply(ports, {Route("10.9.0.0/16", {Via("10.0.0.2")})});
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].code(), StatusCode::kAlreadyExists) << errors[0].message();
  EXPECT_TRUE(Has(ns.Output("ip route show 10.9.0.0/16"), "via 10.0.0.9"));
  EXPECT_TRUE(Has(ns.Output("ip addr show lan"), "10.0.0.50/24"));
}

TEST_F(StaticStateLab, ErrorsNameTheRouteAndOthersGoOn) {
  const std::vector<Status> errors = state->Apply(
      Ports({"192.0.2.1/24"}, {}),
      {Route("10.9.0.0/16", {Via("172.31.0.1")}), Route("10.8.0.0/16", {Via("192.0.2.2")})});
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_TRUE(Has(errors[0].message(), "10.9.0.0/16")) << errors[0].message();
  EXPECT_TRUE(Has(errors[0].message(), "invalid gateway")) << errors[0].message();
  EXPECT_TRUE(Has(Routes(), "10.8.0.0/16"));
}

TEST_F(StaticStateLab, RoutesComeBackWithTheirLink) {
  ExpectNoErrors(
      state->Apply(Ports({}, {"10.0.0.1/24"}), {Route("10.9.0.0/16", {Via("10.0.0.2")})}));
  StartSync();
  links_up.clear();
  also = [this] {
    if (!links_up.empty()) {
      links_up.clear();
      ExpectNoErrors(state->Reapply());
    }
  };
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.2");
  Ip("link set lan down");
  AwaitRoute("10.9.0.1", "none");
  Ip("link set lan up");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.2");
}

TEST_F(StaticStateLab, VipsAreMarkedHostAddresses) {
  ExpectNoErrors(state->Apply(Ports({}, {"10.0.0.1/24", "2001:db8:1::1/64"}), {}));
  const IpAddress v4 = *IpAddress::Parse("10.0.0.100");
  const IpAddress v6 = *IpAddress::Parse("2001:db8:1::100");
  const std::vector<VipAddresses::PortTap> ports = {{kWan, "wan"}, {kLan, "lan"}};
  {
    Result<VipAddresses> vips = VipAddresses::Open(ns.name(), ports, {});
    ASSERT_TRUE(vips.ok());
    EXPECT_TRUE(vips->Add(kLan, v4).ok());
    EXPECT_TRUE(vips->Add(kLan, v6).ok());
    EXPECT_TRUE(vips->Add(kLan, v6).ok()) << "again";
    EXPECT_EQ(vips->Add(kLan, *IpAddress::Parse("10.0.0.1")).code(), StatusCode::kOk)
        << "a /32 beside the /24";
    EXPECT_TRUE(vips->Remove(kLan, *IpAddress::Parse("10.0.0.1")).ok());
    EXPECT_TRUE(vips->Remove(kLan, *IpAddress::Parse("10.0.0.222")).ok()) << "was not there";
  }
  EXPECT_TRUE(Has(Addresses(171), "10.0.0.100/32")) << Addresses(171);
  const std::string six = ns.Output("ip -6 -o addr show dev lan to 2001:db8:1::100");
  EXPECT_TRUE(Has(six, "2001:db8:1::100/128")) << six;
  EXPECT_TRUE(Has(six, "deprecated")) << six;
  EXPECT_FALSE(Has(six, "tentative")) << six;
  EXPECT_FALSE(Has(ns.Output("ip -6 route show"), "2001:db8:1::100")) << "no prefix route";
  StartSync();
  const auto& own = sync->addresses().ports[kLan.value()].own;
  const auto vip =
      std::ranges::find_if(own, [&](const OwnAddress& a) { return a.address.address == v4; });
  ASSERT_NE(vip, own.end());
  EXPECT_TRUE(vip->vip);
  EXPECT_FALSE(vip->primary);
  EXPECT_EQ(own.front().address.ToString(), "10.0.0.1/24");
  // The next process keeps those that are still wanted.
  Result<VipAddresses> vips = VipAddresses::Open(ns.name(), ports, {{kLan, v6}});
  ASSERT_TRUE(vips.ok());
  EXPECT_FALSE(Has(Addresses(171), "10.0.0.100"));
  EXPECT_TRUE(Has(Addresses(171), "2001:db8:1::100"));
  Ip("addr add 10.0.0.100/32 dev lan");
  EXPECT_EQ(vips->Add(kLan, v4).code(), StatusCode::kFailedPrecondition);
}

class ResolverLab : public KernelLab {
 protected:
  void Open(uint32_t limit) {
    ASSERT_TRUE(ns.Run("echo 50 > /proc/sys/net/ipv4/neigh/lan/retrans_time_ms"));
    NeighborResolver::Options options;
    options.network_namespace = ns.name();
    options.if_index = [this](PortIndex port) { return sync->IfIndex(port); };
    options.limit_v4 = limit;
    Result<NeighborResolver> opened = NeighborResolver::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    resolver = std::make_unique<NeighborResolver>(std::move(*opened));
    on_settled = [this](PortIndex p, const IpAddress& a) { resolver->Finished(p, a); };
    also = [this] {
      resolver->OnReadable();
      resolver->Tick(Clock::now());
    };
    StartSync();
  }
  std::unique_ptr<NeighborResolver> resolver;
};

TEST_F(ResolverLab, FailureAndAnswerReachTheRib) {
  Open(100);
  EXPECT_GE(resolver->limit(IpFamily::kIpv6), 1u);
  const IpAddress nobody = *IpAddress::Parse("10.0.0.66");
  const IpAddress somebody = *IpAddress::Parse("10.0.0.67");
  resolver->Resolve(kLan, nobody, Clock::now());
  resolver->Resolve(kLan, somebody, Clock::now());
  resolver->Resolve(kLan, somebody, Clock::now());
  EXPECT_EQ(resolver->counters().requests, 2u);
  EXPECT_EQ(resolver->counters().repeated, 1u);
  EXPECT_EQ(resolver->open(IpFamily::kIpv4), 2u);
  EXPECT_NE(ns.Output("ip neigh show nud incomplete dev lan").find("10.0.0.67"), std::string::npos);
  // An answer, as if it had come by the wire.
  Ip("neigh replace 10.0.0.67 lladdr 02:00:00:00:00:67 dev lan nud reachable");
  EXPECT_TRUE(Await([&] { return resolver->open(IpFamily::kIpv4) == 0; }));
  const auto failed = [&] {
    const RouteExplanation found = under_test.rib.main().LookupRoute(nobody);
    return found.neighbor && found.action == NexthopAction::kHostUnreachable;
  };
  EXPECT_TRUE(failed());
  EXPECT_EQ(under_test.rib.main().LookupRoute(somebody).action, NexthopAction::kForward);
  EXPECT_TRUE(Await([&] { return !failed(); })) << "asked again by the next packet";
}

TEST_F(ResolverLab, ScanOfAnEmptySubnetStaysBounded) {
  Open(4);
  for (int i = 100; i < 120; ++i) {
    resolver->Resolve(kLan, *IpAddress::Parse("10.0.0." + std::to_string(i)), Clock::now());
  }
  EXPECT_EQ(resolver->counters().requests, 4u);
  EXPECT_EQ(resolver->counters().over_limit, 16u);
  EXPECT_EQ(resolver->open(IpFamily::kIpv4), 4u);
  EXPECT_TRUE(Await([&] { return resolver->open(IpFamily::kIpv4) == 0; }));
  resolver->Resolve(kLan, *IpAddress::Parse("10.0.0.130"), Clock::now());
  EXPECT_EQ(resolver->counters().requests, 5u);
}

TEST_F(ResolverLab, RefusalsAreCounted) {
  Open(4);
  resolver->Resolve(PortIndex(9), *IpAddress::Parse("10.0.0.9"), Clock::now());
  EXPECT_EQ(resolver->counters().no_link, 1u);
  Ip("link set lan down");
  resolver->Resolve(kLan, *IpAddress::Parse("10.0.0.9"), Clock::now());
  EXPECT_TRUE(Await([&] { return resolver->open(IpFamily::kIpv4) == 0; }));
}

}  // namespace
}  // namespace flyover::router
