#include "router/control/route_mirror.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <map>
#include <string>

#include "router/control/protocol_numbers.h"

namespace flyover::router {
namespace {

using netlink::RouteMessage;
using netlink::RouteNexthop;

constexpr int kWan = 10;  // interface indexes
constexpr int kLan = 11;
constexpr int kForeign = 99;  // of a device that is no port's

// Remembers what the RIB would hold, as text: "port via gateway weight, ...".
class FakeRib : public RibSink {
 public:
  Status UpsertRoute(const RibRoute& route) override {
    if (full) return {StatusCode::kResourceExhausted, "full"};
    ++writes;
    std::string text = std::to_string(static_cast<int>(route.action)) + ":";
    for (const RibNexthop& n : route.nexthops) {
      text += " " + std::to_string(n.port.value()) + "/" +
              (n.gateway ? n.gateway->ToString() : "link") + "/" + std::to_string(n.weight);
    }
    routes[Name(route.prefix, route.metric)] = text;
    return Status::Ok();
  }
  Status RemoveRoute(const IpPrefix& prefix, uint32_t metric) override {
    ++writes;
    EXPECT_EQ(routes.erase(Name(prefix, metric)), 1u);
    return Status::Ok();
  }
  void SetNeighbor(PortIndex, const IpAddress&, const MacAddress&) override {}
  void SetNeighborFailed(PortIndex, const IpAddress&) override {}
  void RemoveNeighbor(PortIndex, const IpAddress&) override {}

  static std::string Name(const IpPrefix& prefix, uint32_t metric) {
    return prefix.ToString() + " " + std::to_string(metric);
  }
  std::string At(const std::string& name) const {
    const auto it = routes.find(name);
    return it == routes.end() ? "none" : it->second;
  }

  std::map<std::string, std::string> routes;
  int writes = 0;
  bool full = false;
};

std::string Action(NexthopAction action) { return std::to_string(static_cast<int>(action)) + ":"; }
const std::string kVia = Action(NexthopAction::kForward);
const std::string kOn = Action(NexthopAction::kGlean);

RouteNexthop Via(const char* gateway, int if_index, uint16_t weight = 1, uint8_t flags = 0) {
  return {IpAddress::Parse(gateway), if_index, weight, flags, false};
}
RouteNexthop OnLink(int if_index, uint8_t flags = 0) {
  return {std::nullopt, if_index, 1, flags, false};
}

class Message : public RouteMessage {
 public:
  Message(const char* prefix, std::vector<RouteNexthop> n) {
    destination = *IpPrefix::Parse(prefix);
    table = RT_TABLE_MAIN;
    type = RTN_UNICAST;
    protocol = RTPROT_BOOT;
    nexthops = std::move(n);
    if (destination.family() == IpFamily::kIpv6) metric = 1024;
  }
  Message& Removed() { return removed = true, *this; }
  Message& Replace() { return replace = true, *this; }
  Message& Append() { return append = true, *this; }
  Message& Metric(uint32_t m) { return metric = m, *this; }
  Message& Table(uint32_t t) { return table = t, *this; }
  Message& Type(uint8_t t) { return type = t, *this; }
  Message& Protocol(uint8_t p) { return protocol = p, *this; }
  Message& NexthopId(uint32_t id) { return nexthop_id = id, *this; }
};

class RouteMirrorTest : public testing::Test {
 protected:
  PortIndex PortOf(int if_index) const {
    const auto it = ports.find(if_index);
    return it == ports.end() ? kNoPort : it->second;
  }
  std::map<int, PortIndex> ports{{kWan, PortIndex(0)}, {kLan, PortIndex(1)}};
  FakeRib rib;
  RouteMirror mirror{{RT_TABLE_MAIN, 100}, [this](int i) { return PortOf(i); }, rib};
};

TEST_F(RouteMirrorTest, KindsOfRoutes) {
  mirror.Apply(Message("10.0.0.0/24", {OnLink(kLan)}));
  mirror.Apply(Message("0.0.0.0/0", {Via("192.0.2.1", kWan)}));
  mirror.Apply(Message("10.0.0.1/32", {OnLink(kLan)}).Type(RTN_LOCAL).Table(RT_TABLE_LOCAL));
  mirror.Apply(Message("10.1.0.0/16", {}).Type(RTN_BLACKHOLE));
  mirror.Apply(Message("10.2.0.0/16", {}).Type(RTN_UNREACHABLE));
  mirror.Apply(Message("10.3.0.0/16", {}).Type(RTN_PROHIBIT));
  mirror.Apply(Message("10.4.0.0/16", {}).Type(RTN_THROW));
  mirror.Apply(
      Message("2001:db8::/128", {OnLink(kLan)}).Type(RTN_ANYCAST).Table(RT_TABLE_LOCAL).Metric(0));
  EXPECT_EQ(rib.At("10.0.0.0/24 0"), kOn + " 1/link/1");
  EXPECT_EQ(rib.At("0.0.0.0/0 0"), kVia + " 0/192.0.2.1/1");
  EXPECT_EQ(rib.At("10.0.0.1/32 0"), Action(NexthopAction::kLocal));
  EXPECT_EQ(rib.At("10.1.0.0/16 0"), Action(NexthopAction::kBlackhole));
  EXPECT_EQ(rib.At("10.2.0.0/16 0"), Action(NexthopAction::kUnreachable));
  EXPECT_EQ(rib.At("10.3.0.0/16 0"), Action(NexthopAction::kProhibit));
  EXPECT_EQ(rib.At("10.4.0.0/16 0"), "none");
  EXPECT_EQ(rib.At("2001:db8::/128 0"), Action(NexthopAction::kLocal));
}

TEST_F(RouteMirrorTest, OwnAddressOfALoopbackIsLocalAndOthersAreLeftOut) {
  mirror.Apply(Message("198.51.100.1/32", {OnLink(1)}).Type(RTN_LOCAL).Table(RT_TABLE_LOCAL));
  mirror.Apply(Message("127.0.0.0/8", {OnLink(1)}).Type(RTN_LOCAL).Table(RT_TABLE_LOCAL));
  mirror.Apply(Message("fe80::/64", {OnLink(kLan)}));
  mirror.Apply(Message("ff00::/8", {OnLink(kLan)}).Type(RTN_MULTICAST).Table(RT_TABLE_LOCAL));
  mirror.Apply(
      Message("fe80::1/128", {OnLink(kLan)}).Type(RTN_LOCAL).Table(RT_TABLE_LOCAL).Metric(0));
  mirror.Apply(Message("172.16.0.0/12", {Via("172.31.0.1", kForeign)}));
  EXPECT_EQ(rib.routes.size(), 2u);
  EXPECT_EQ(rib.At("198.51.100.1/32 0"), Action(NexthopAction::kLocal));
  EXPECT_EQ(rib.At("fe80::1/128 0"), Action(NexthopAction::kLocal));
  EXPECT_EQ(mirror.counters().foreign, 1u);
}

TEST_F(RouteMirrorTest, WeightsAndGatewaysOfTheOtherFamily) {
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.2", kLan, 2), Via("fe80::2", kWan)}));
  EXPECT_EQ(rib.At("10.9.0.0/16 0"), kVia + " 1/10.0.0.2/2 0/fe80::2/1");
}

// Of an IPv6 route with two next hops of which one was removed, notifications name the other's
// weight and dumps do not.
TEST_F(RouteMirrorTest, BugTheWeightOfALoneNexthopMadeADifference) {
  mirror.Apply(Message("2001:db8:9::/48", {Via("2001:db8::2", kLan, 3), Via("2001:db8::3", kLan)}));
  EXPECT_EQ(rib.At("2001:db8:9::/48 1024"), kVia + " 1/2001:db8::2/3 1/2001:db8::3/1");
  mirror.Apply(Message("2001:db8:9::/48", {Via("2001:db8::2", kLan, 3)}).Replace());
  EXPECT_EQ(rib.At("2001:db8:9::/48 1024"), kVia + " 1/2001:db8::2/1");
}

TEST_F(RouteMirrorTest, UnusableNexthopsAreLeftOut) {
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.2", kLan, 1, RTNH_F_LINKDOWN),
                                       Via("192.0.2.1", kWan, 1), Via("172.31.0.1", kForeign)}));
  EXPECT_EQ(rib.At("10.9.0.0/16 0"), kVia + " 0/192.0.2.1/1");
  mirror.Apply(Message("10.8.0.0/16", {Via("10.0.0.2", kLan, 1, RTNH_F_DEAD)}));
  EXPECT_EQ(rib.At("10.8.0.0/16 0"), "none");
  RouteNexthop mpls = Via("10.0.0.2", kLan);
  mpls.encapsulated = true;
  mirror.Apply(Message("10.7.0.0/16", {mpls}));
  EXPECT_EQ(rib.At("10.7.0.0/16 0"), "none");
  EXPECT_EQ(mirror.counters().encapsulated, 1u);
}

TEST_F(RouteMirrorTest, RoutesForSomePacketsOnlyAreLeftOut) {
  Message with_tos("10.9.0.0/16", {Via("10.0.0.2", kLan)});
  with_tos.tos = 0x10;
  mirror.Apply(with_tos);
  Message with_source("2001:db8::/32", {Via("fe80::1", kLan)});
  with_source.has_source = true;
  mirror.Apply(with_source);
  Message cached("10.9.0.1/32", {Via("10.0.0.2", kLan)});
  cached.flags = RTM_F_CLONED;
  mirror.Apply(cached);
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.2", kLan)}).Table(7));
  EXPECT_TRUE(rib.routes.empty());
  EXPECT_EQ(mirror.counters().with_tos, 1u);
  EXPECT_EQ(mirror.counters().with_source, 1u);
  EXPECT_EQ(mirror.counters().other_table, 1u);
}

TEST_F(RouteMirrorTest, Ipv4ReplaceTakesTheFirstAndAppendWaits) {
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.3", kLan)}).Append());
  EXPECT_EQ(rib.At("10.9.0.0/16 0"), kVia + " 1/10.0.0.2/1");
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.4", kLan)}).Replace());
  EXPECT_EQ(rib.At("10.9.0.0/16 0"), kVia + " 1/10.0.0.4/1");
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.4", kLan)}).Removed());
  EXPECT_EQ(rib.At("10.9.0.0/16 0"), kVia + " 1/10.0.0.3/1");
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.5", kLan)}));  // ip route prepend
  EXPECT_EQ(rib.At("10.9.0.0/16 0"), kVia + " 1/10.0.0.5/1");
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.5", kLan)}).Removed());
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.3", kLan)}).Removed());
  EXPECT_EQ(rib.At("10.9.0.0/16 0"), "none");
  EXPECT_EQ(mirror.size(), 0u);
}

TEST_F(RouteMirrorTest, UnusableFirstRouteGivesWay) {
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.2", kLan, 1, RTNH_F_LINKDOWN)}));
  mirror.Apply(Message("10.9.0.0/16", {Via("192.0.2.1", kWan)}).Append());
  EXPECT_EQ(rib.At("10.9.0.0/16 0"), kVia + " 0/192.0.2.1/1");
}

TEST_F(RouteMirrorTest, MetricsAreRoutesOfTheirOwn) {
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.2", kLan)}).Metric(20));
  mirror.Apply(Message("10.9.0.0/16", {Via("192.0.2.1", kWan)}).Metric(10));
  EXPECT_EQ(rib.routes.size(), 2u);
}

TEST_F(RouteMirrorTest, TablesInTheirOrder) {
  mirror.Apply(Message("10.9.0.0/16", {Via("192.0.2.1", kWan)}).Table(100));
  EXPECT_EQ(rib.At("10.9.0.0/16 0"), kVia + " 0/192.0.2.1/1");
  mirror.Apply(Message("10.9.0.0/16", {Via("10.0.0.2", kLan)}));
  EXPECT_EQ(rib.At("10.9.0.0/16 0"), kVia + " 1/10.0.0.2/1");
  mirror.Apply(Message("10.9.0.0/16", {OnLink(kLan)}).Type(RTN_LOCAL).Table(RT_TABLE_LOCAL));
  EXPECT_EQ(rib.At("10.9.0.0/16 0"), Action(NexthopAction::kLocal));
}

TEST_F(RouteMirrorTest, Ipv6SiblingsAreOneRoute) {
  const char* const prefix = "2001:db8:9::/48";
  const std::string name = "2001:db8:9::/48 1024";
  mirror.Apply(Message(prefix, {Via("fe80::1", kLan)}));
  // The kernel announces the whole set after `ip -6 route append`.
  mirror.Apply(Message(prefix, {Via("fe80::1", kLan), Via("fe80::2", kWan)}).Append());
  EXPECT_EQ(rib.At(name), kVia + " 1/fe80::1/1 0/fe80::2/1");
  // ... and only the one that goes.
  mirror.Apply(Message(prefix, {Via("fe80::1", kLan)}).Removed());
  EXPECT_EQ(rib.At(name), kVia + " 0/fe80::2/1");
  mirror.Apply(Message(prefix, {Via("fe80::3", kLan), Via("fe80::4", kLan)}).Replace());
  EXPECT_EQ(rib.At(name), kVia + " 1/fe80::3/1 1/fe80::4/1");
  mirror.Apply(Message(prefix, {}).Type(RTN_BLACKHOLE).Replace());
  EXPECT_EQ(rib.At(name), Action(NexthopAction::kBlackhole));
  mirror.Apply(Message(prefix, {}).Type(RTN_BLACKHOLE).Removed());
  EXPECT_EQ(rib.At(name), "none");
}

TEST_F(RouteMirrorTest, ConnectedIpv6RoutesOfTwoLinksStandSideBySide) {
  const char* const prefix = "2001:db8:1::/64";
  mirror.Apply(Message(prefix, {OnLink(kLan)}).Metric(256));
  mirror.Apply(Message(prefix, {OnLink(kWan)}).Metric(256));
  EXPECT_EQ(rib.At("2001:db8:1::/64 256"), kOn + " 1/link/1");
  mirror.Apply(Message(prefix, {OnLink(kLan)}).Metric(256).Removed());
  EXPECT_EQ(rib.At("2001:db8:1::/64 256"), kOn + " 0/link/1");
}

TEST_F(RouteMirrorTest, DumpAddsChangesAndRemovesOnlyWhatDiffers) {
  mirror.Apply(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.Apply(Message("10.2.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.Apply(Message("10.3.0.0/16", {Via("10.0.0.2", kLan)}));
  rib.writes = 0;
  mirror.BeginDump();
  mirror.ApplyDumped(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.ApplyDumped(Message("10.2.0.0/16", {Via("10.0.0.9", kLan)}));
  mirror.ApplyDumped(Message("10.4.0.0/16", {Via("10.0.0.2", kLan)}));
  EXPECT_EQ(rib.writes, 0);
  mirror.FinishDump(true);
  EXPECT_EQ(rib.writes, 3);
  EXPECT_EQ(rib.routes.size(), 3u);
  EXPECT_EQ(rib.At("10.2.0.0/16 0"), kVia + " 1/10.0.0.9/1");
  EXPECT_EQ(rib.At("10.3.0.0/16 0"), "none");
  EXPECT_EQ(mirror.size(), 3u);
}

TEST_F(RouteMirrorTest, AFirstDumpIsToldAsItComes) {
  mirror.BeginDump(RouteMirror::Telling::kAsTheyCome);
  // In other tables, then in the one that is preferred; enough that none waits to be taken.
  for (int n = 0; n < 64; ++n) {
    mirror.ApplyDumped(
        Message(("10." + std::to_string(n) + ".0.0/16").c_str(), {Via("192.0.2.1", kWan)})
            .Table(100));
  }
  EXPECT_EQ(rib.routes.size(), 64u);
  EXPECT_EQ(rib.At("10.1.0.0/16 0"), kVia + " 0/192.0.2.1/1");
  mirror.ApplyDumped(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.FinishDump(true);
  EXPECT_EQ(rib.At("10.1.0.0/16 0"), kVia + " 1/10.0.0.2/1");
  EXPECT_EQ(rib.routes.size(), 64u);
  // The next one is compared.
  rib.writes = 0;
  mirror.BeginDump(RouteMirror::Telling::kAsTheyCome);
  mirror.ApplyDumped(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.FinishDump(true);
  EXPECT_EQ(rib.writes, 63);
  EXPECT_EQ(mirror.size(), 1u);
}

TEST_F(RouteMirrorTest, WhatAnInterruptedFirstDumpToldGoesAgain) {
  mirror.BeginDump(RouteMirror::Telling::kAsTheyCome);
  mirror.ApplyDumped(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.ApplyDumped(Message("10.2.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.RestartDump(IpFamily::kIpv4);
  mirror.ApplyDumped(Message("10.2.0.0/16", {Via("10.0.0.9", kLan)}));
  mirror.FinishDump(true);
  EXPECT_EQ(rib.At("10.1.0.0/16 0"), "none");
  EXPECT_EQ(rib.At("10.2.0.0/16 0"), kVia + " 1/10.0.0.9/1");
}

// Routes that announce VIPs are for routing daemons: forwarding by them would be a blackhole.
TEST_F(RouteMirrorTest, RoutesOfVipsAreNotTaken) {
  for (const char* const prefix : {"192.0.2.1/32", "2001:db8:100::1/128"}) {
    mirror.Apply(Message(prefix, {}).Type(RTN_BLACKHOLE).Protocol(kVipProtocol));
  }
  EXPECT_EQ(mirror.size(), 0u);
  EXPECT_EQ(rib.writes, 0);
}

// A family that changed while it was read is read once more; the other one is not.
TEST_F(RouteMirrorTest, ADumpBegunAgainForOneFamily) {
  mirror.Apply(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.Apply(Message("2001:db8:1::/48", {Via("fe80::2", kLan)}));
  mirror.Apply(Message("2001:db8:2::/48", {Via("fe80::2", kLan)}));
  mirror.BeginDump();
  mirror.ApplyDumped(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.ApplyDumped(Message("2001:db8:1::/48", {Via("fe80::2", kLan)}));
  mirror.ApplyDumped(Message("2001:db8:2::/48", {Via("fe80::2", kLan)}));
  mirror.RestartDump(IpFamily::kIpv6);
  mirror.ApplyDumped(Message("2001:db8:1::/48", {Via("fe80::3", kLan)}));
  mirror.FinishDump(true);
  EXPECT_EQ(rib.At("10.1.0.0/16 0"), kVia + " 1/10.0.0.2/1");
  EXPECT_EQ(rib.At("2001:db8:1::/48 1024"), kVia + " 1/fe80::3/1");
  EXPECT_EQ(rib.At("2001:db8:2::/48 1024"), "none");
  EXPECT_EQ(mirror.size(), 2u);
}

TEST_F(RouteMirrorTest, DumpWithGapsRemovesNothing) {
  mirror.Apply(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.BeginDump();
  mirror.ApplyDumped(Message("10.4.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.FinishDump(false);
  EXPECT_EQ(rib.routes.size(), 2u);
}

TEST_F(RouteMirrorTest, DumpAfterAPortMoved) {
  mirror.Apply(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.Apply(Message("10.2.0.0/16", {Via("172.31.0.1", kForeign)}));
  ports = {{kWan, PortIndex(0)}, {kForeign, PortIndex(1)}};
  mirror.BeginDump();
  mirror.ApplyDumped(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.ApplyDumped(Message("10.2.0.0/16", {Via("172.31.0.1", kForeign)}));
  mirror.FinishDump(true);
  EXPECT_EQ(rib.At("10.1.0.0/16 0"), "none");
  EXPECT_EQ(rib.At("10.2.0.0/16 0"), kVia + " 1/172.31.0.1/1");
}

TEST_F(RouteMirrorTest, MessagesThatADumpOvertookEndWhereTheDumpStood) {
  mirror.BeginDump();
  mirror.ApplyDumped(Message("10.1.0.0/16", {Via("10.0.0.3", kLan)}));
  mirror.FinishDump(true);
  mirror.Apply(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.Apply(Message("10.1.0.0/16", {Via("10.0.0.3", kLan)}).Replace());
  EXPECT_EQ(rib.At("10.1.0.0/16 0"), kVia + " 1/10.0.0.3/1");
  mirror.Apply(Message("10.1.0.0/16", {Via("10.0.0.3", kLan)}).Removed());
  EXPECT_EQ(rib.At("10.1.0.0/16 0"), "none") << "one route, told of twice";
}

TEST_F(RouteMirrorTest, RefusedRouteIsTriedAgainAtTheNextDump) {
  rib.full = true;
  mirror.Apply(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  EXPECT_EQ(mirror.counters().refused, 1u);
  rib.full = false;
  mirror.BeginDump();
  mirror.ApplyDumped(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}));
  mirror.FinishDump(true);
  EXPECT_EQ(rib.At("10.1.0.0/16 0"), kVia + " 1/10.0.0.2/1");
}

TEST_F(RouteMirrorTest, RefusedRoutesGetInWhenThereIsRoom) {
  const char* const prefixes[] = {"10.1.0.0/16", "10.2.0.0/16", "2001:db8:1::/48"};
  const char* const gateways[] = {"10.0.0.2", "10.0.0.2", "2001:db8::2"};
  rib.full = true;
  for (int i = 0; i < 3; ++i) mirror.Apply(Message(prefixes[i], {Via(gateways[i], kLan)}));
  EXPECT_EQ(mirror.refused(IpFamily::kIpv4), 2u);
  EXPECT_EQ(mirror.refused(IpFamily::kIpv6), 1u);
  EXPECT_EQ(mirror.RefusedRoutes(2).size(), 2u);
  EXPECT_EQ(mirror.RefusedRoutes(10).back().prefix.ToString(), "2001:db8:1::/48");
  EXPECT_EQ(mirror.RetryRefused(), 0u);
  EXPECT_EQ(mirror.counters().refused, 3u) << "each once, however often it is tried";
  // One that the kernel takes back waits no longer.
  mirror.Apply(Message("10.2.0.0/16", {Via("10.0.0.2", kLan)}).Removed());
  EXPECT_EQ(mirror.refused(IpFamily::kIpv4), 1u);
  rib.full = false;
  EXPECT_EQ(mirror.RetryRefused(), 2u);
  EXPECT_EQ(rib.At("10.1.0.0/16 0"), kVia + " 1/10.0.0.2/1");
  EXPECT_EQ(rib.At("2001:db8:1::/48 1024"), kVia + " 1/2001:db8::2/1");
  EXPECT_EQ(mirror.refused(IpFamily::kIpv4) + mirror.refused(IpFamily::kIpv6), 0u);
  EXPECT_EQ(mirror.RetryRefused(), 0u);
}

TEST_F(RouteMirrorTest, BroadcastsAndNexthopObjects) {
  mirror.Apply(Message("10.0.0.255/32", {OnLink(kLan)}).Type(RTN_BROADCAST).Table(RT_TABLE_LOCAL));
  mirror.Apply(
      Message("172.31.255.255/32", {OnLink(kForeign)}).Type(RTN_BROADCAST).Table(RT_TABLE_LOCAL));
  EXPECT_EQ(rib.At("10.0.0.255/32 0"), Action(NexthopAction::kBroadcast));
  EXPECT_EQ(rib.At("172.31.255.255/32 0"), "none");
  ASSERT_EQ(mirror.broadcasts().size(), 2u);
  EXPECT_EQ(mirror.broadcasts().begin()->second.ToString(), "10.0.0.255");
  mirror.BeginDump();
  mirror.ApplyDumped(Message("10.1.0.0/16", {Via("10.0.0.2", kLan)}).NexthopId(12));
  mirror.FinishDump(true);
  EXPECT_TRUE(mirror.broadcasts().empty());
  EXPECT_EQ(rib.At("10.0.0.255/32 0"), "none");
  EXPECT_TRUE(mirror.UsesNexthopId(12));
  EXPECT_FALSE(mirror.UsesNexthopId(13));
}

}  // namespace
}  // namespace flyover::router
