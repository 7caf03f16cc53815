// Needs root. The forms in which the kernel presents routes: metrics, preferred sources, next-hop
// objects of every kind, next hops of the other family, on-link gateways, route MTUs, very wide
// routes, and what is not ours to forward.
#include <linux/rtnetlink.h>

#include "common/netlink/request.h"
#include "common/netlink/socket.h"
#include "router/control/kernel_lab.h"

namespace flyover::router {
namespace {

class KernelFormsLab : public KernelLab {
 protected:
  void ExpectAgreement() {
    const auto differences = sync->Diff(Clock::now());
    ASSERT_TRUE(differences.ok());
    EXPECT_EQ(differences->size(), 0u);
  }
  uint16_t Mtu(const std::string& address) const {
    const RouteExplanation found = under_test.rib.main().LookupRoute(*IpAddress::Parse(address));
    return found.route ? found.route->mtu : 0;
  }
  // Members of the group that lcores find for the address.
  unsigned Members(const std::string& address) const {
    const RouteExplanation found = under_test.rib.main().LookupRoute(*IpAddress::Parse(address));
    const GroupWord word = under_test.tables.groups.Load(found.group);
    std::vector<uint32_t> members;
    for (uint64_t b = 0; b < word.bucket_count(); ++b) {
      members.push_back(word.Pick(static_cast<uint32_t>((b << 32) / word.bucket_count())).value());
    }
    std::ranges::sort(members);
    return static_cast<unsigned>(std::unique(members.begin(), members.end()) - members.begin());
  }
};

TEST_F(KernelFormsLab, TheLowestMetricAndItsFallback) {
  StartSync();
  ns.IpBatch(
      "route add 10.9.0.0/16 via 10.0.0.2 metric 20\n"
      "route add 10.9.0.0/16 via 192.0.2.2 metric 10\n"
      "route add 2001:db8:9::/48 via 2001:db8:1::2 metric 20\n"
      "route add 2001:db8:9::/48 via 2001:db8:2::2 metric 10\n");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward wan,192.0.2.2");
  AwaitRoute("2001:db8:9::1", "2001:db8:9::/48 forward wan,2001:db8:2::2");
  Ip("route del 10.9.0.0/16 metric 10");
  Ip("route del 2001:db8:9::/48 metric 10");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.2");
  AwaitRoute("2001:db8:9::1", "2001:db8:9::/48 forward lan,2001:db8:1::2");
  ExpectAgreement();
}

TEST_F(KernelFormsLab, PreferredSourceDoesNotHideTheRoute) {
  StartSync();
  ns.IpBatch(
      "addr add 10.0.0.5/24 dev lan\n"
      "route add 10.9.0.0/16 via 10.0.0.2 src 10.0.0.5\n"
      "route add 2001:db8:9::/48 via 2001:db8:1::2 src 2001:db8:1::1\n");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.2");
  AwaitRoute("2001:db8:9::1", "2001:db8:9::/48 forward lan,2001:db8:1::2");
  ExpectAgreement();
}

TEST_F(KernelFormsLab, NextHopsOfTheOtherFamilyAndLinkLocalOnes) {
  StartSync();
  ns.IpBatch(
      "route add 10.9.0.0/16 via inet6 2001:db8:1::2 dev lan\n"
      "route add 10.8.0.0/16 via inet6 fe80::2 dev wan\n"
      "route add 10.7.0.0/16 nexthop via inet6 fe80::2 dev wan weight 2 nexthop via 10.0.0.2 dev "
      "lan\n"
      "route add 2001:db8:9::/48 via fe80::2 dev lan\n"
      "route add 2001:db8:8::/48 nexthop via fe80::2 dev lan nexthop via fe80::2 dev wan\n");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,2001:db8:1::2");
  AwaitRoute("10.8.0.1", "10.8.0.0/16 forward wan,fe80::2");
  AwaitRoute("10.7.0.1", "10.7.0.0/16 forward lan,10.0.0.2 wan,fe80::2*2");
  AwaitRoute("2001:db8:9::1", "2001:db8:9::/48 forward lan,fe80::2");
  // One address on two links is two next hops.
  AwaitRoute("2001:db8:8::1", "2001:db8:8::/48 forward wan,fe80::2 lan,fe80::2");
  Ip("neigh add fe80::2 lladdr 02:00:00:00:00:22 dev wan");
  AwaitRoute("10.8.0.1", "10.8.0.0/16 forward wan,fe80::2,02:00:00:00:00:22");
  AwaitRoute("2001:db8:9::1", "2001:db8:9::/48 forward lan,fe80::2");
  ExpectAgreement();
}

TEST_F(KernelFormsLab, OnlinkGatewaysOutsideEverySubnet) {
  StartSync();
  ns.IpBatch(
      "route add 10.9.0.0/16 via 172.31.0.1 dev lan onlink\n"
      "route add 2001:db8:9::/48 via 2001:db8:77::1 dev wan onlink\n");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,172.31.0.1");
  AwaitRoute("2001:db8:9::1", "2001:db8:9::/48 forward wan,2001:db8:77::1");
  ExpectAgreement();
}

TEST_F(KernelFormsLab, MtuOfARoute) {
  StartSync();
  ns.IpBatch(
      "route add 10.9.0.0/16 via 10.0.0.2 mtu 1400\n"
      "route add 10.8.0.0/16 via 10.0.0.2 mtu lock 1300\n"
      "route add 2001:db8:9::/48 via 2001:db8:1::2 mtu 1350\n"
      "route add 10.7.0.0/16 via 10.0.0.2\n");
  AwaitRoute("10.7.0.1", "10.7.0.0/16 forward lan,10.0.0.2");
  EXPECT_EQ(Mtu("10.9.0.1"), 1400);
  EXPECT_EQ(Mtu("10.8.0.1"), 1300);
  EXPECT_EQ(Mtu("2001:db8:9::1"), 1350);
  EXPECT_EQ(Mtu("10.7.0.1"), 0);
  // What lcores compare a packet with: the smaller of the port's and the route's.
  const auto adjacency = [&](const char* address) {
    const GroupId group = under_test.rib.main().LookupRoute(*IpAddress::Parse(address)).group;
    return under_test.tables.adjacencies.Get(under_test.tables.groups.Load(group).Pick(0)).mtu;
  };
  EXPECT_EQ(adjacency("10.9.0.1"), 1400);
  EXPECT_EQ(adjacency("10.7.0.1"), 1500);
  Ip("route replace 10.9.0.0/16 via 10.0.0.2 mtu 1200");
  EXPECT_TRUE(Await([&] { return Mtu("10.9.0.1") == 1200; }));
  ExpectAgreement();
}

TEST_F(KernelFormsLab, NexthopObjectsOfEveryKindAndTheirChanges) {
  StartSync();
  ns.IpBatch(
      "nexthop add id 1 via 10.0.0.2 dev lan\n"
      "nexthop add id 2 via 192.0.2.2 dev wan\n"
      "nexthop add id 3 via 10.0.0.3 dev lan\n"
      "nexthop add id 9 blackhole\n"
      "nexthop add id 6 via fe80::2 dev wan\n"
      "nexthop add id 10 group 1/2\n"
      "nexthop add id 11 group 1,2/2 type resilient buckets 32\n"
      "route add 10.9.0.0/16 nhid 10\n"
      "route add 10.8.0.0/16 nhid 11\n"
      "route add 10.7.0.0/16 nhid 9\n"
      "route add 10.6.0.0/16 nhid 6\n");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.2 wan,192.0.2.2");
  AwaitRoute("10.8.0.1", "10.8.0.0/16 forward lan,10.0.0.2*2 wan,192.0.2.2");
  AwaitRoute("10.7.0.1", "10.7.0.0/16 blackhole");
  AwaitRoute("10.6.0.1", "10.6.0.0/16 forward wan,fe80::2");
  // The kernel tells of the object, not of the routes that use it.
  Ip("nexthop replace id 10 group 2/3,5");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.3*5 wan,192.0.2.2");
  Ip("nexthop replace id 11 group 2/3 type resilient buckets 32");
  AwaitRoute("10.8.0.1", "10.8.0.0/16 forward lan,10.0.0.3 wan,192.0.2.2");
  Ip("nexthop replace id 2 via 192.0.2.9 dev wan");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward lan,10.0.0.3*5 wan,192.0.2.9");
  Ip("nexthop del id 3");
  AwaitRoute("10.9.0.1", "10.9.0.0/16 forward wan,192.0.2.9");
  AwaitRoute("10.8.0.1", "10.8.0.0/16 forward wan,192.0.2.9");
  Ip("nexthop del id 11");
  AwaitRoute("10.8.0.1", "none");
  ExpectAgreement();
}

// More than `ip` can put into one message.
TEST_F(KernelFormsLab, AThousandNextHops) {
  StartSync();
  Result<netlink::Socket> socket = netlink::Socket::Open({ns.name(), {}, 0});
  ASSERT_TRUE(socket.ok());
  const auto add = [&](const char* prefix, const IpAddress& first, uint32_t count) {
    netlink::RouteSpec spec;
    spec.destination = *IpPrefix::Parse(prefix);
    spec.protocol = RTPROT_BOOT;
    for (uint32_t i = 0; i < count; ++i) {
      netlink::RouteNexthop hop;
      if (first.is_v4()) {
        hop.gateway = Ipv4Address{first.v4().value + i};
      } else {
        Ipv6Address gateway = first.v6();
        gateway.bytes[14] = static_cast<uint8_t>(i >> 8);
        gateway.bytes[15] = static_cast<uint8_t>(i);
        hop.gateway = gateway;
      }
      hop.if_index = sync->IfIndex(kLan);
      hop.flags = RTNH_F_ONLINK;
      spec.nexthops.push_back(hop);
    }
    const Status status = socket->Execute(netlink::AddRoute(spec, netlink::RouteWrite::kAdd));
    EXPECT_TRUE(status.ok()) << status.message();
  };
  add("10.9.0.0/16", *IpAddress::Parse("172.30.0.1"), 1000);
  add("2001:db8:9::/48", *IpAddress::Parse("2001:db8:1::1:0"), 500);
  EXPECT_TRUE(Await([&] { return Members("10.9.0.1") == 1000; })) << Members("10.9.0.1");
  EXPECT_TRUE(Await([&] { return Members("2001:db8:9::1") == 500; })) << Members("2001:db8:9::1");
  ExpectAgreement();
  ASSERT_TRUE(sync->Resync(Clock::now()).ok());
  EXPECT_EQ(Members("10.9.0.1"), 1000u) << "the same by a dump";
  EXPECT_EQ(Members("2001:db8:9::1"), 500u);
  Ip("route del 10.9.0.0/16");
  Ip("route del 2001:db8:9::/48");
  AwaitRoute("10.9.0.1", "none");
  AwaitRoute("2001:db8:9::1", "none");
}

TEST_F(KernelFormsLab, RoutesThatAreNotOursToForward) {
  ns.IpBatch(
      "link add other type veth peer name behind\n"
      "link set behind up\n"
      "addr add 172.20.0.1/24 dev other\n"
      "link set other up\n"
      "addr add 2001:db8:20::1/64 dev other nodad\n");
  StartSync();
  const uint64_t foreign = sync->counters().routes.foreign;
  const uint64_t tables = sync->counters().routes.other_table;
  ns.IpBatch(
      "route add 10.9.0.0/16 via 10.0.0.2\n"
      "route add 10.9.1.0/24 via 172.20.0.2\n"
      "route add 2001:db8:9:1::/64 via 2001:db8:20::2\n"
      "route add 10.9.2.0/24 via 10.0.0.9 table 77\n"
      "route add 2001:db8:9:2::/64 via 2001:db8:1::9 table 77\n"
      "route add 10.9.3.0/24 nexthop via 172.20.0.2 dev other nexthop via 10.0.0.3 dev lan\n"
      "route add throw 10.9.4.0/24\n"
      "route add 10.5.0.0/16 via 10.0.0.5\n");
  AwaitRoute("10.5.0.1", "10.5.0.0/16 forward lan,10.0.0.5");
  // Not through other interfaces: the next shorter route of ours applies.
  EXPECT_EQ(under_test.Route("10.9.1.1"), "10.9.0.0/16 forward lan,10.0.0.2");
  EXPECT_EQ(under_test.Route("2001:db8:9:1::1"), "none");
  EXPECT_EQ(under_test.Route("10.9.2.1"), "10.9.0.0/16 forward lan,10.0.0.2");
  EXPECT_EQ(under_test.Route("10.9.3.1"), "10.9.3.0/24 forward lan,10.0.0.3");
  EXPECT_GE(sync->counters().routes.foreign, foreign + 2);
  EXPECT_GE(sync->counters().routes.other_table, tables + 2);
  ExpectAgreement();
}

}  // namespace
}  // namespace flyover::router
