#include "tools/flyoverd/daemon/announcement.h"

#include <gtest/gtest.h>

#include "common/testing/packet_builder.h"
#include "common/testing/packet_printer.h"

namespace flyover {
namespace {

constexpr MacAddress kMac{{0x02, 0, 0, 0, 0, 0x0a}};

TEST(Announcement, OfIpv4IsAGratuitousArp) {
  const test::Bytes want =
      test::Join(test::Eth{.dst = MacAddress::Broadcast().bytes, .src = kMac.bytes} /
                     test::Arp{.op = 1, .sha = kMac.bytes, .spa = "192.0.2.1", .tpa = "192.0.2.1"},
                 test::Bytes(18));
  EXPECT_EQ(test::Difference(want, BuildAnnouncement(kMac, *IpAddress::Parse("192.0.2.1"))), "");
}

TEST(Announcement, OfIpv6IsAnUnsolicitedAdvertisement) {
  const test::Bytes body = test::Join(test::Join(test::AddressBytes("2001:db8:100::1"), {2, 1}),
                                      test::Bytes(kMac.bytes.begin(), kMac.bytes.end()));
  const test::Bytes want = test::Eth{.dst = {0x33, 0x33, 0, 0, 0, 1}, .src = kMac.bytes} /
                           test::Ip6{.src = "2001:db8:100::1", .dst = "ff02::1", .hlim = 255} /
                           test::Icmp{.type = 136, .rest = 0xa0000000, .v6 = true} /
                           test::Raw{body};
  const test::Bytes got = BuildAnnouncement(kMac, *IpAddress::Parse("2001:db8:100::1"));
  EXPECT_EQ(test::Difference(want, got), "");
  EXPECT_EQ(test::WhatIsWrongWith(got), std::nullopt);
}

}  // namespace
}  // namespace flyover
