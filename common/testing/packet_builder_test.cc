#include "common/testing/packet_builder.h"

#include <gtest/gtest.h>

#include "common/testing/packet_printer.h"

namespace flyover::test {
namespace {

constexpr Mac kA = {2, 0, 0, 0, 0, 0x0a};
constexpr Mac kB = {2, 0, 0, 0, 0, 0x0b};

// The example of RFC 1071 section 3.
TEST(InternetChecksum, OfRfc1071) {
  EXPECT_EQ(InternetChecksum({0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}),
            static_cast<uint16_t>(~0xddf2));
}

// Made with scapy 2.5.0: Ether(dst=..,src=..)/IP(src="10.1.0.2",dst="10.9.0.1",id=0x1234)/
// UDP(sport=40000,dport=9)/b"abcd".
TEST(PacketBuilder, EqualsScapy) {
  const Bytes want = {0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0a,
                      0x08, 0x00, 0x45, 0x00, 0x00, 0x20, 0x12, 0x34, 0x00, 0x00, 0x40, 0x11,
                      0x54, 0x8d, 0x0a, 0x01, 0x00, 0x02, 0x0a, 0x09, 0x00, 0x01, 0x9c, 0x40,
                      0x00, 0x09, 0x00, 0x0c, 0x8a, 0xb9, 0x61, 0x62, 0x63, 0x64};
  const Bytes got = Eth{.dst = kB, .src = kA} / Ip4{.src = "10.1.0.2", .dst = "10.9.0.1"} / Udp{} /
                    Raw{{'a', 'b', 'c', 'd'}};
  EXPECT_EQ(Difference(want, got), "");
}

TEST(PacketBuilder, MakesFramesThatAreRight) {
  const Eth eth{.dst = kB, .src = kA};
  const Ip4 ip4{.src = "10.1.0.2", .dst = "10.9.0.1"};
  const Ip6 ip6{.src = "2001:db8::1", .dst = "2001:db8::2"};
  for (const Bytes& frame : std::vector<Bytes>{
           eth / ip4 / Tcp{} / Payload(33),
           eth / ip4 / Icmp{} / Payload(3),
           eth / ip6 / Udp{} / Payload(9),
           eth / ip6 / Icmp{.type = 128, .v6 = true} / Payload(8),
           eth / ip4 / ip6 / Tcp{},
           eth / ip6 / ip4 / Udp{.sport = 1},
           eth / Ip4{.src = "10.1.0.2", .dst = "10.9.0.1", .options = {7, 3, 4}} / Udp{},
       }) {
    EXPECT_EQ(WhatIsWrongWith(frame), std::nullopt) << Describe(frame);
  }
}

TEST(PacketBuilder, TakesDamageAsItIsGiven) {
  const Eth eth{.dst = kB, .src = kA};
  EXPECT_NE(WhatIsWrongWith(eth / Ip4{.src = "1.2.3.4", .dst = "1.2.3.5", .checksum = 1} / Udp{}),
            std::nullopt);
  EXPECT_NE(WhatIsWrongWith(eth / Ip4{.src = "1.2.3.4", .dst = "1.2.3.5"} / Udp{.checksum = 1}),
            std::nullopt);
  EXPECT_NE(WhatIsWrongWith(eth / Ip6{.src = "::1", .dst = "::2", .plen = 3} / Udp{}),
            std::nullopt);
  const Bytes frame = eth / Ip4{.src = "1.2.3.4", .dst = "1.2.3.5", .ihl = 15, .length = 77};
  EXPECT_EQ(frame[14], 0x4f);
  EXPECT_EQ(frame[17], 77);
}

TEST(PacketBuilder, ChainsExtensionHeaders) {
  const Bytes frame = Eth{} / Ip6{.src = "::1", .dst = "::2"} / Ext6{.kind = 0} /
                      Frag6{.offset = 2, .more = true} / Udp{};
  ASSERT_EQ(frame.size(), 14u + 40 + 8 + 8 + 8);
  EXPECT_EQ(frame[14 + 6], 0);  // hop-by-hop
  EXPECT_EQ(frame[54], 44);     // then the fragment header
  EXPECT_EQ(frame[62], 17);     // then UDP
  EXPECT_EQ(frame[65], 2 * 8 + 1);
}

TEST(PacketPrinter, NamesFieldsAndTheFirstDifference) {
  const Bytes a = Eth{.dst = kB, .src = kA} / Ip4{.src = "10.1.0.2", .dst = "10.9.0.1"} / Udp{};
  EXPECT_NE(Describe(a).find("10.1.0.2 -> 10.9.0.1 ttl 64"), std::string::npos);
  Bytes b = a;
  b[22] = 63;
  EXPECT_NE(Difference(a, b).find("byte 22"), std::string::npos);
  EXPECT_EQ(Difference(a, a), "");
}

}  // namespace
}  // namespace flyover::test
