// Messages are laid down byte by byte, as the kernel does: the builder under test is not trusted
// here.
#include "common/netlink/message.h"

#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace flyover::netlink {
namespace {

using Buffer = std::vector<uint8_t>;

template <typename T>
void Push(Buffer& b, const T& v) {
  const auto* p = reinterpret_cast<const uint8_t*>(&v);
  b.insert(b.end(), p, p + sizeof(v));
  b.resize((b.size() + 3) & ~size_t{3});
}
void Attribute(Buffer& b, uint16_t type, const Buffer& payload) {
  Push(b, nlattr{static_cast<uint16_t>(4 + payload.size()), type});
  b.insert(b.end(), payload.begin(), payload.end());
  b.resize((b.size() + 3) & ~size_t{3});
}
Buffer U32(uint32_t v) {
  Buffer b;
  Push(b, v);
  return b;
}
Buffer Address(const char* text) {
  const IpAddress a = *IpAddress::Parse(text);
  return {a.data(), a.data() + a.bits() / 8};
}
Buffer Text(const std::string& s) {
  Buffer b(s.begin(), s.end());
  b.push_back(0);
  return b;
}
template <typename Fixed>
Buffer Message(uint16_t type, uint16_t flags, const Fixed& fixed, const Buffer& attributes) {
  Buffer b;
  Push(b,
       nlmsghdr{static_cast<uint32_t>(16 + ((sizeof(Fixed) + 3) & ~size_t{3}) + attributes.size()),
                type, flags, 1, 0});
  Push(b, fixed);
  b.insert(b.end(), attributes.begin(), attributes.end());
  return b;
}
rtmsg RouteHeader(uint8_t family, uint8_t length, uint8_t type = RTN_UNICAST) {
  rtmsg r{};
  r.rtm_family = family;
  r.rtm_dst_len = length;
  r.rtm_table = RT_TABLE_MAIN;
  r.rtm_protocol = RTPROT_BGP;
  r.rtm_type = type;
  return r;
}
void Member(Buffer& b, int if_index, uint8_t hops, uint8_t flags, const Buffer& attributes) {
  Push(b, rtnexthop{static_cast<uint16_t>(sizeof(rtnexthop) + attributes.size()), flags, hops,
                    if_index});
  b.insert(b.end(), attributes.begin(), attributes.end());
}

Buffer MultipathRoute() {
  Buffer first;
  Attribute(first, RTA_GATEWAY, Address("10.0.0.2"));
  Buffer second;
  Buffer via = {AF_INET6, 0};
  const Buffer v6 = Address("fe80::2");
  via.insert(via.end(), v6.begin(), v6.end());
  Attribute(second, RTA_VIA, via);
  Buffer members;
  Member(members, 7, 1, 0, first);
  Member(members, 8, 0, RTNH_F_LINKDOWN, second);
  Buffer metrics;
  Attribute(metrics, RTAX_MTU, U32(1400));
  Buffer a;
  Attribute(a, RTA_TABLE, U32(1000));
  Attribute(a, RTA_DST, Address("10.9.0.0"));
  Attribute(a, RTA_PRIORITY, U32(20));
  Attribute(a, RTA_METRICS, metrics);
  Attribute(a, 900, U32(1));  // of some later kernel
  Attribute(a, RTA_MULTIPATH | NLA_F_NESTED, members);
  Attribute(a, RTA_NH_ID, U32(12));
  return Message(RTM_NEWROUTE, NLM_F_REPLACE, RouteHeader(AF_INET, 16), a);
}

TEST(NetlinkMessageTest, MultipathRoute) {
  const Buffer b = MultipathRoute();
  const auto route = ParseRoute(b);
  ASSERT_TRUE(route);
  EXPECT_FALSE(route->removed);
  EXPECT_TRUE(route->replace);
  EXPECT_FALSE(route->append);
  EXPECT_EQ(route->destination.ToString(), "10.9.0.0/16");
  EXPECT_EQ(route->table, 1000u);
  EXPECT_EQ(route->metric, 20u);
  EXPECT_EQ(route->mtu, 1400u);
  EXPECT_EQ(route->protocol, RTPROT_BGP);
  EXPECT_EQ(route->nexthop_id, 12u);
  ASSERT_EQ(route->nexthops.size(), 2u);
  EXPECT_EQ(route->nexthops[0].gateway->ToString(), "10.0.0.2");
  EXPECT_EQ(route->nexthops[0].weight, 2);
  EXPECT_EQ(route->nexthops[0].if_index, 7);
  EXPECT_EQ(route->nexthops[1].gateway->ToString(), "fe80::2");
  EXPECT_EQ(route->nexthops[1].weight, 1);
  EXPECT_EQ(route->nexthops[1].flags, RTNH_F_LINKDOWN);
}

TEST(NetlinkMessageTest, DefaultRouteHasNoDestinationAttribute) {
  Buffer a;
  Attribute(a, RTA_GATEWAY, Address("2001:db8::1"));
  Attribute(a, RTA_OIF, U32(3));
  Attribute(a, RTA_PRIORITY, U32(1024));
  const auto route = ParseRoute(Message(RTM_DELROUTE, 0, RouteHeader(AF_INET6, 0), a));
  ASSERT_TRUE(route);
  EXPECT_TRUE(route->removed);
  EXPECT_EQ(route->destination.ToString(), "::/0");
  EXPECT_EQ(route->table, uint32_t{RT_TABLE_MAIN});
  ASSERT_EQ(route->nexthops.size(), 1u);
  EXPECT_EQ(route->nexthops[0].if_index, 3);
}

TEST(NetlinkMessageTest, BlackholeHasNoNexthop) {
  Buffer a;
  Attribute(a, RTA_DST, Address("192.0.2.0"));
  const auto route =
      ParseRoute(Message(RTM_NEWROUTE, 0, RouteHeader(AF_INET, 24, RTN_BLACKHOLE), a));
  ASSERT_TRUE(route);
  EXPECT_EQ(route->type, RTN_BLACKHOLE);
  EXPECT_TRUE(route->nexthops.empty());
}

TEST(NetlinkMessageTest, RouteThatCannotBeReadIsNotGuessed) {
  Buffer bad_length;
  Attribute(bad_length, RTA_DST, Address("10.0.0.0"));
  EXPECT_FALSE(ParseRoute(Message(RTM_NEWROUTE, 0, RouteHeader(AF_INET, 33), bad_length)));
  EXPECT_FALSE(ParseRoute(Message(RTM_NEWROUTE, 0, RouteHeader(AF_INET, 8), {})))
      << "no destination";
  EXPECT_FALSE(ParseRoute(Message(RTM_NEWROUTE, 0, RouteHeader(AF_MPLS, 0), {})));

  Buffer short_gateway;
  Attribute(short_gateway, RTA_GATEWAY, {10, 0, 0});
  Attribute(short_gateway, RTA_OIF, U32(3));
  EXPECT_FALSE(ParseRoute(Message(RTM_NEWROUTE, 0, RouteHeader(AF_INET, 0), short_gateway)))
      << "must not become an on-link route";

  Buffer members;
  Push(members, rtnexthop{4, 0, 0, 7});  // shorter than itself
  Buffer multipath;
  Attribute(multipath, RTA_MULTIPATH, members);
  EXPECT_FALSE(ParseRoute(Message(RTM_NEWROUTE, 0, RouteHeader(AF_INET, 0), multipath)));
}

Buffer TunLink() {
  Buffer info;
  Attribute(info, IFLA_INFO_KIND, Text("tun"));
  Buffer a;
  Attribute(a, IFLA_IFNAME, Text("wan"));
  Attribute(a, IFLA_MTU, U32(1500));
  Attribute(a, IFLA_ADDRESS, {2, 0, 0, 0, 0, 12});
  Attribute(a, IFLA_LINKINFO, info);
  ifinfomsg fixed{};
  fixed.ifi_index = 5;
  fixed.ifi_flags = 0x10001;  // IFF_LOWER_UP, IFF_UP
  return Message(RTM_NEWLINK, 0, fixed, a);
}

TEST(NetlinkMessageTest, Link) {
  const auto link = ParseLink(TunLink());
  ASSERT_TRUE(link);
  EXPECT_EQ(link->if_index, 5);
  EXPECT_EQ(link->name, "wan");
  EXPECT_EQ(link->kind, "tun");
  EXPECT_EQ(link->mtu, 1500u);
  EXPECT_EQ(link->mac->ToString(), "02:00:00:00:00:0c");
  EXPECT_TRUE(link->admin_up());
  EXPECT_TRUE(link->carrier());
}

TEST(NetlinkMessageTest, BridgePortMessagesAreNoLinks) {
  ifinfomsg fixed{};
  fixed.ifi_family = AF_BRIDGE;
  EXPECT_FALSE(ParseLink(Message(RTM_DELLINK, 0, fixed, {})));
}

Buffer OwnAddress() {
  Buffer a;
  Attribute(a, IFA_ADDRESS, Address("192.0.2.9"));  // the peer
  Attribute(a, IFA_LOCAL, Address("192.0.2.1"));
  Attribute(a, IFA_FLAGS, U32(IFA_F_NOPREFIXROUTE | IFA_F_PERMANENT));
  Attribute(a, IFA_PROTO, {197});
  ifaddrmsg fixed{};
  fixed.ifa_family = AF_INET;
  fixed.ifa_prefixlen = 24;
  fixed.ifa_index = 5;
  return Message(RTM_NEWADDR, 0, fixed, a);
}

TEST(NetlinkMessageTest, AddressIsTheLocalEnd) {
  const auto address = ParseAddress(OwnAddress());
  ASSERT_TRUE(address);
  EXPECT_EQ(address->address.ToString(), "192.0.2.1/24");
  EXPECT_EQ(address->flags, uint32_t{IFA_F_NOPREFIXROUTE | IFA_F_PERMANENT});
  EXPECT_EQ(address->protocol, 197);
  EXPECT_EQ(address->if_index, 5);
}

Buffer NeighborOf(uint16_t state, bool with_mac) {
  Buffer a;
  Attribute(a, NDA_DST, Address("fe80::7"));
  if (with_mac) Attribute(a, NDA_LLADDR, {2, 0, 0, 0, 0, 7});
  ndmsg fixed{};
  fixed.ndm_family = AF_INET6;
  fixed.ndm_ifindex = 5;
  fixed.ndm_state = state;
  fixed.ndm_flags = NTF_ROUTER;
  return Message(RTM_NEWNEIGH, 0, fixed, a);
}

TEST(NetlinkMessageTest, Neighbor) {
  const auto resolved = ParseNeighbor(NeighborOf(NUD_STALE, true));
  ASSERT_TRUE(resolved);
  EXPECT_EQ(resolved->address.ToString(), "fe80::7");
  EXPECT_EQ(resolved->state, NUD_STALE);
  EXPECT_EQ(resolved->flags, NTF_ROUTER);
  EXPECT_EQ(resolved->mac->ToString(), "02:00:00:00:00:07");
  EXPECT_FALSE(ParseNeighbor(NeighborOf(NUD_FAILED, false))->mac);
}

TEST(NetlinkMessageTest, NexthopAndNetconf) {
  Buffer a;
  Attribute(a, NHA_ID, U32(77));
  const auto nexthop = ParseNexthop(Message(RTM_DELNEXTHOP, 0, nhmsg{}, a));
  ASSERT_TRUE(nexthop);
  EXPECT_TRUE(nexthop->removed);
  EXPECT_EQ(nexthop->id, 77u);

  Buffer c;
  Attribute(c, NETCONFA_IFINDEX, U32(static_cast<uint32_t>(NETCONFA_IFINDEX_ALL)));
  const auto netconf = ParseNetconf(Message(RTM_NEWNETCONF, 0, netconfmsg{AF_INET}, c));
  ASSERT_TRUE(netconf);
  EXPECT_EQ(netconf->if_index, -1);
}

void ParseAll(Bytes b) {
  (void)ParseLink(b);
  (void)ParseAddress(b);
  (void)ParseNeighbor(b);
  (void)ParseRoute(b);
  (void)ParseNexthop(b);
  (void)ParseNetconf(b);
}
// In memory of exactly that size, so that the sanitizer sees one byte too many.
void ParseExact(const Buffer& b) {
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[b.size()]);
  std::ranges::copy(b, exact.get());
  ParseAll({exact.get(), b.size()});
}

TEST(NetlinkMessageTest, TruncatedAnywhere) {
  for (const Buffer& whole :
       {MultipathRoute(), TunLink(), OwnAddress(), NeighborOf(NUD_STALE, true)}) {
    for (size_t n = 0; n < whole.size(); ++n) {
      Buffer cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
      ParseExact(cut);
      EXPECT_EQ(MessageType(cut), 0) << n;
      if (n < 16) continue;
      const auto length = static_cast<uint32_t>(n);
      std::memcpy(cut.data(), &length, sizeof(length));  // a header that agrees with the cut
      ParseExact(cut);
    }
  }
}

TEST(NetlinkMessageTest, AnyByteChanged) {
  std::mt19937 random(20240611);
  for (const Buffer& whole :
       {MultipathRoute(), TunLink(), OwnAddress(), NeighborOf(NUD_STALE, true)}) {
    for (int i = 0; i < 20000; ++i) {
      Buffer b = whole;
      for (auto n = 1 + random() % 3; n > 0; --n)
        b[random() % b.size()] = static_cast<uint8_t>(random());
      ParseExact(b);
    }
  }
}

}  // namespace
}  // namespace flyover::netlink
