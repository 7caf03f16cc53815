#include "lb/client_path/encapsulate.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::lb {
namespace {

using Bytes = std::vector<uint8_t>;

IpAddress Ip(const char* text) { return *IpAddress::Parse(text); }

template <typename T>
void Append(Bytes& to, const T& header) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&header);
  to.insert(to.end(), bytes, bytes + sizeof(header));
}

// From 10.1.0.1 or 2001:db8:1::1 to the VIP, with right checksums, ECN 1 and port 61,440.
Bytes Packet(const IpAddress& vip, uint8_t protocol) {
  Bytes l4;
  if (protocol == kProtoTcp) {
    TcpHeader tcp{};
    tcp.src_port = Be16(61'440);
    tcp.dst_port = Be16(80);
    tcp.data_offset = 5 << 4;
    tcp.flags = kTcpSyn;
    Append(l4, tcp);
  } else {
    Append(l4, UdpHeader{Be16(61'440), Be16(80), Be16(sizeof(UdpHeader)), Be16(0)});
  }
  const size_t field =
      protocol == kProtoTcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum);
  const auto length = static_cast<uint16_t>(l4.size());
  ChecksumAccumulator sum;
  Bytes packet;
  if (vip.is_v6()) {
    Ipv6Header ip{};
    ip.version_class_flow = Be32(6u << 28 | 1u << 20);
    ip.payload_length = Be16(length);
    ip.next_header = protocol;
    ip.hop_limit = 64;
    std::memcpy(ip.src, Ip("2001:db8:1::1").data(), 16);
    std::memcpy(ip.dst, vip.data(), 16);
    AddPseudoHeader(sum, ip, protocol, length);
    Append(packet, ip);
  } else {
    Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.tos = 1;
    ip.total_length = Be16(static_cast<uint16_t>(sizeof(ip) + length));
    ip.fragment = Be16(kIpv4DontFragment);
    ip.ttl = 64;
    ip.protocol = protocol;
    ip.src = Be32(Ip("10.1.0.1").v4().value);
    ip.dst = Be32(vip.v4().value);
    ip.checksum = Checksum(&ip, sizeof(ip));
    AddPseudoHeader(sum, ip, protocol, length);
    Append(packet, ip);
  }
  sum.Add(l4.data(), l4.size());
  StoreUnaligned(&l4[field], sum.Finish().raw());
  packet.insert(packet.end(), l4.begin(), l4.end());
  return packet;
}

std::string Hex(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

struct Row {
  const char* name;
  ForwardMode forward;
  uint8_t gue_variant;
  const char* vip;
  const char* backend;
  const char* outer;  // all that stands in front of the packet, in hex
};

// Outer headers written by hand from RFC 791, 8200, 2784 and draft-ietf-intarea-gue: traffic class
// copied, TTL 64, DF as inside or around IPv6, identification and checksum of IPv4 zero.
const Row kRows[] = {
    {"Ipip4in4", ForwardMode::kIpip, 0, "192.0.2.1", "10.2.0.9",
     "4501003c000040004004"
     "0000"
     "0a02000"
     "1"
     "0a020009"},
    {"Ipip6in4", ForwardMode::kIpip, 0, "2001:db8:2::a", "10.2.0.9",
     "45010050000040004029"
     "0000"
     "0a020001"
     "0a020009"},
    {"Ipip4in6", ForwardMode::kIpip, 0, "192.0.2.1", "2001:db8:2::9",
     "60100000"
     "0028"
     "0440"
     "20010db8000200000000000000000001"
     "20010db8000200000000000000000009"},
    {"Gre4in4", ForwardMode::kGre, 0, "192.0.2.1", "10.2.0.9",
     "4501004000004000402f"
     "0000"
     "0a020001"
     "0a020009"
     "00000800"},
    {"Gre6in6", ForwardMode::kGre, 0, "2001:db8:2::a", "2001:db8:2::9",
     "60100000"
     "0040"
     "2f40"
     "20010db8000200000000000000000001"
     "20010db8000200000000000000000009"
     "000086dd"},
    {"Gue4in4", ForwardMode::kGue, 0, "192.0.2.1", "10.2.0.9",
     "45010048000040004011"
     "0000"
     "0a020001"
     "0a020009"
     "f00017c000340000"
     "00040000"},
    {"GueVariant1of6in4", ForwardMode::kGue, 1, "2001:db8:2::a", "10.2.0.9",
     "45010058000040004011"
     "0000"
     "0a020001"
     "0a020009"
     "f00017c000440000"},
};

class TunnelTest : public testing::TestWithParam<Row> {};

TEST_P(TunnelTest, HasTheHeadersOfTheStandards) {
  const Row& row = GetParam();
  const IpAddress backend = Ip(row.backend);
  const ClientWay way{.vip = Ip(row.vip),
                      .forward = row.forward,
                      .source = backend.is_v4() ? Ip("10.2.0.1") : Ip("2001:db8:2::1"),
                      .gue = {.variant = row.gue_variant, .port = 6080}};
  const Bytes packet = Packet(way.vip, kProtoTcp);
  const auto out = Encapsulate(way, backend, packet);
  ASSERT_TRUE(out);
  EXPECT_EQ(Hex(*out), row.outer + Hex(packet));
}

INSTANTIATE_TEST_SUITE_P(All, TunnelTest, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(EncapsulateTest, TunnelWithoutASourceOfTheFamilyIsRefused) {
  ClientWay way{.vip = Ip("192.0.2.1"), .forward = ForwardMode::kIpip, .gue = {}};
  EXPECT_FALSE(Encapsulate(way, Ip("10.2.0.9"), Packet(way.vip, kProtoTcp)));
  way.source = Ip("10.2.0.1");
  EXPECT_FALSE(Encapsulate(way, Ip("2001:db8:2::9"), Packet(way.vip, kProtoTcp)));
}

TEST(EncapsulateTest, L2DsrChangesNothing) {
  const ClientWay way{.vip = Ip("192.0.2.1"), .forward = ForwardMode::kL2dsr, .gue = {}};
  const Bytes packet = Packet(way.vip, kProtoUdp);
  EXPECT_EQ(Encapsulate(way, Ip("10.2.0.9"), packet), packet);
}

TEST(EncapsulateTest, L3DsrReaddressesAndKeepsChecksumsAndEcn) {
  for (const char* const vip : {"192.0.2.1", "2001:db8:2::a"}) {
    for (const uint8_t protocol : {kProtoTcp, kProtoUdp}) {
      const ClientWay way{.vip = Ip(vip), .forward = ForwardMode::kL3dsr, .gue = {}, .dscp = 7};
      const IpAddress backend = way.vip.is_v4() ? Ip("10.2.0.9") : Ip("2001:db8:2::9");
      const auto out = Encapsulate(way, backend, Packet(way.vip, protocol));
      ASSERT_TRUE(out);
      // What a sender would have made for that address, but for the class and IPv4's checksum,
      // which the kernel fills in.
      Bytes wanted = Packet(backend, protocol);
      Bytes got = *out;
      if (way.vip.is_v4()) {
        EXPECT_EQ(got[1], 7 << 2 | 1);
        got[1] = wanted[1];
        std::memcpy(&got[10], &wanted[10], 2);
      } else {
        EXPECT_EQ(LoadBe32(got.data()), 6u << 28 | (7u << 2 | 1u) << 20);
        std::memcpy(got.data(), wanted.data(), 4);
      }
      EXPECT_EQ(Hex(got), Hex(wanted)) << vip;
    }
  }
}

Bytes WithOptions(std::initializer_list<uint8_t> options) {
  Bytes packet = Packet(Ip("192.0.2.1"), kProtoTcp);
  packet.insert(packet.end(), options);
  packet[sizeof(Ipv4Header) + offsetof(TcpHeader, data_offset)] =
      static_cast<uint8_t>((sizeof(TcpHeader) + options.size()) / 4 << 4);
  return packet;
}

TEST(EncapsulateTest, MssOfASynIsReadAndNothingBehindItsOptions) {
  const auto mss = [](const Bytes& packet) { return AnnouncedMss(packet, *TransportOf(packet)); };
  EXPECT_EQ(mss(WithOptions({})), 0);
  EXPECT_EQ(mss(WithOptions({2, 4, 0x05, 0xb4})), 1460);
  EXPECT_EQ(mss(WithOptions({1, 1, 4, 2, 2, 4, 0x05, 0xb4})), 1460);
  EXPECT_EQ(mss(WithOptions({0, 0, 0, 0, 2, 4, 0x05, 0xb4})), 0) << "behind the end of the list";
  EXPECT_EQ(mss(WithOptions({9, 0, 2, 4})), 0) << "an option of no length";
  EXPECT_EQ(mss(WithOptions({9, 200, 2, 4})), 0) << "an option longer than the header";
  EXPECT_EQ(mss(WithOptions({1, 1, 2, 4})), 0) << "cut off";
  Bytes longer = WithOptions({2, 4, 0x05, 0xb4});
  longer[sizeof(Ipv4Header) + offsetof(TcpHeader, flags)] = kTcpAck;
  EXPECT_EQ(mss(longer), 0) << "no SYN";
  longer = WithOptions({1, 1, 1, 1});
  longer[sizeof(Ipv4Header) + offsetof(TcpHeader, data_offset)] = 15 << 4;  // more than there is
  EXPECT_EQ(mss(longer), 0);
}

// Whatever stands there: no byte behind the end is read (the vectors have exact sizes under ASan).
TEST(EncapsulateTest, ShortAndStrangePacketsHaveNoTransport) {
  for (const char* const vip : {"192.0.2.1", "2001:db8:2::a"}) {
    const Bytes whole = Packet(Ip(vip), kProtoUdp);
    for (size_t length = 0; length < whole.size(); ++length) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
      EXPECT_FALSE(TransportOf(cut)) << length;
    }
    EXPECT_TRUE(TransportOf(whole));
  }
  Bytes strange(60);
  std::iota(strange.begin(), strange.end(), uint8_t{100});  // no protocol of these among them
  for (unsigned first = 0; first < 256; ++first) {
    strange[0] = static_cast<uint8_t>(first);
    EXPECT_FALSE(TransportOf(strange)) << first;
  }
}

}  // namespace
}  // namespace flyover::lb
