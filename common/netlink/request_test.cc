// What the builders lay down is read back by the parsers; message_test.cc holds those to hand-made
// bytes.
#include "common/netlink/request.h"

#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

namespace flyover::netlink {
namespace {

Bytes Finished(Request& request) {
  request.Finish(9, NLM_F_ACK);
  return request.bytes();
}
nlmsghdr HeaderOf(Bytes b) { return LoadUnaligned<nlmsghdr>(b.data()); }

TEST(NetlinkRequestTest, HeaderTellsLengthAndSequence) {
  Request request = DumpLinks();
  const nlmsghdr header = HeaderOf(Finished(request));
  EXPECT_EQ(header.nlmsg_len, request.bytes().size());
  EXPECT_EQ(header.nlmsg_seq, 9u);
  EXPECT_EQ(header.nlmsg_type, RTM_GETLINK);
  EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP | NLM_F_ACK);
}

TEST(NetlinkRequestTest, RouteOfOneNexthop) {
  RouteSpec spec;
  spec.destination = *IpPrefix::Parse("2001:db8:9::/48");
  spec.protocol = 197;
  spec.metric = 7;
  spec.mtu = 1400;
  spec.nexthops = {{IpAddress::Parse("fe80::1"), 4, 1, 0, false}};
  Request request = AddRoute(spec, RouteWrite::kReplace);
  const auto route = ParseRoute(Finished(request));
  ASSERT_TRUE(route);
  EXPECT_TRUE(route->replace);
  EXPECT_EQ(route->destination, spec.destination);
  EXPECT_EQ(route->protocol, 197);
  EXPECT_EQ(route->metric, 7u);
  EXPECT_EQ(route->mtu, 1400u);
  EXPECT_EQ(route->nexthops, spec.nexthops);
}

TEST(NetlinkRequestTest, WeightedRouteOverBothFamilies) {
  RouteSpec spec;
  spec.destination = *IpPrefix::Parse("0.0.0.0/0");
  spec.nexthops = {{IpAddress::Parse("10.0.0.2"), 4, 256, RTNH_F_ONLINK, false},
                   {IpAddress::Parse("fe80::1"), 5, 1, 0, false}};
  Request request = AddRoute(spec, RouteWrite::kAdd);
  ASSERT_TRUE(request.complete());
  const auto route = ParseRoute(Finished(request));
  ASSERT_TRUE(route);
  EXPECT_EQ(route->nexthops, spec.nexthops);
}

TEST(NetlinkRequestTest, WeightOutOfRangeIsRefused) {
  RouteSpec spec;
  spec.nexthops = {{std::nullopt, 4, 257, 0, false}, {std::nullopt, 5, 1, 0, false}};
  EXPECT_FALSE(AddRoute(spec, RouteWrite::kAdd).complete());
}

TEST(NetlinkRequestTest, RouteTooLongIsRefused) {
  RouteSpec spec;
  for (int i = 0; i < 3000; ++i)
    spec.nexthops.push_back({IpAddress::Parse("10.0.0.2"), 4, 1, 0, false});
  EXPECT_FALSE(AddRoute(spec, RouteWrite::kAdd).complete());
}

TEST(NetlinkRequestTest, Address) {
  AddressSpec spec;
  spec.if_index = 4;
  spec.address = *InterfaceAddress::Parse("2001:db8::10/128");
  spec.flags = IFA_F_NODAD | IFA_F_NOPREFIXROUTE;
  spec.protocol = 198;
  spec.deprecated = true;
  Request request = AddAddress(spec);
  const auto address = ParseAddress(Finished(request));
  ASSERT_TRUE(address);
  EXPECT_EQ(address->address, spec.address);
  EXPECT_EQ(address->flags, spec.flags);
  EXPECT_EQ(address->protocol, 198);
}

TEST(NetlinkRequestTest, ResolutionIsNoneAndUse) {
  Request request = ResolveNeighbor(4, *IpAddress::Parse("10.0.0.9"));
  const auto neighbor = ParseNeighbor(Finished(request));
  ASSERT_TRUE(neighbor);
  EXPECT_EQ(neighbor->state, NUD_NONE);
  EXPECT_EQ(neighbor->flags, NTF_USE);
  EXPECT_EQ(HeaderOf(request.bytes()).nlmsg_flags & NLM_F_EXCL, 0);
}

}  // namespace
}  // namespace flyover::netlink
