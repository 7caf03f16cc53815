// Every way to a backend beside plain IPIP (encap_test.cc) and L2-DSR: the bytes that are written.
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "lb/datapath/encap.h"
#include "lb/datapath/test_bed.h"

namespace flyover::lb {
namespace {

constexpr IpFamily k4 = IpFamily::kIpv4;
constexpr IpFamily k6 = IpFamily::kIpv6;

const char* Client(IpFamily family) { return family == k4 ? "10.1.0.2" : "2001:db8:1::2"; }
const char* Vip(IpFamily family) { return family == k4 ? "192.0.2.1" : "2001:db8:100::1"; }

struct TunnelCase {
  const char* name;
  ForwardMode forward;
  uint8_t gue_variant;
  IpFamily inner;
  IpFamily outer;
};

class TunnelTest : public testing::TestWithParam<TunnelCase> {
 protected:
  static LbConfig Config() {
    LbConfig config = TwoBackends(GetParam().forward, GetParam().outer);
    for (ServiceConfig& service : config.services) {
      service.gue = {GetParam().gue_variant, 6080};
    }
    return config;
  }
  static Bytes Inner(uint8_t traffic_class = 0xba, uint16_t port = 40'000, size_t data = 64) {
    IpFields fields;
    fields.traffic_class = traffic_class;
    return IpPacket(Ip(Client(GetParam().inner)), Ip(Vip(GetParam().inner)), fields,
                    TcpSegment(port, 80, kTcpAck, data));
  }
};

// The bytes between the outer IP header and the inner packet.
Bytes Shim(const TunnelCase& row, uint16_t source_port, size_t inner_length) {
  const bool v6 = row.inner == k6;
  if (row.forward == ForwardMode::kIpip) return {};
  if (row.forward == ForwardMode::kGre) {
    return v6 ? Bytes{0, 0, 0x86, 0xdd} : Bytes{0, 0, 0x08, 0x00};
  }
  const auto length = static_cast<uint16_t>(8 + (row.gue_variant == 0 ? 4 : 0) + inner_length);
  Bytes shim = {
      static_cast<uint8_t>(source_port >> 8), static_cast<uint8_t>(source_port), 0x17, 0xc0,
      static_cast<uint8_t>(length >> 8),      static_cast<uint8_t>(length),      0,    0};
  if (row.gue_variant == 0) {
    for (const uint8_t byte :
         {uint8_t{0}, uint8_t{v6 ? kProtoIpv6 : kProtoIpip}, uint8_t{0}, uint8_t{0}}) {
      shim.push_back(byte);
    }
  }
  return shim;
}

uint8_t Protocol(const TunnelCase& row) {
  switch (row.forward) {
    case ForwardMode::kGre:
      return kProtoGre;
    case ForwardMode::kGue:
      return kProtoUdp;
    default:
      return row.inner == k6 ? kProtoIpv6 : kProtoIpip;
  }
}

TEST_P(TunnelTest, WritesItsHeaders) {
  const TunnelCase& row = GetParam();
  TestBed bed;
  bed.Apply(Config());
  const Bytes inner = Inner();
  const unsigned i = bed.Add(inner);
  ASSERT_EQ(bed.Run().size, 1);
  const PacketMeta& meta = bed.burst.meta[i];
  const Bytes all = bed.ReadL3(i);
  const size_t outer_length = row.outer == k4 ? 20 : 40;
  const auto source_port = static_cast<uint16_t>(all[outer_length] << 8 | all[outer_length + 1]);
  const Bytes shim = Shim(row, source_port, inner.size());
  EXPECT_EQ(meta.overhead, outer_length + shim.size());
  EXPECT_EQ(meta.l4_offset, 14 + outer_length);
  EXPECT_EQ(meta.l3_length, all.size());
  EXPECT_EQ(meta.protocol, Protocol(row));
  EXPECT_EQ(meta.flags & (kOriginated | kMayCut | kOnLinkOnly | kL4Valid), kOriginated);
  EXPECT_EQ((meta.flags & kIpv6) != 0, row.outer == k6);

  Bytes behind = shim;
  behind.insert(behind.end(), inner.begin(), inner.end());
  EXPECT_EQ(Bytes(all.begin() + static_cast<ptrdiff_t>(outer_length), all.end()), behind);
  if (row.outer == k4) {
    Ipv4Header ip;
    std::memcpy(&ip, all.data(), sizeof(ip));
    EXPECT_EQ(ip.protocol, Protocol(row));
    EXPECT_EQ(ip.total_length.host(), all.size());
    EXPECT_EQ(ip.tos, 0xba);
    EXPECT_TRUE(Ipv4ChecksumOk(ip));
    EXPECT_EQ(ip.fragment.host(), row.inner == k6 ? kIpv4DontFragment : 0);
  } else {
    Ipv6Header ip;
    std::memcpy(&ip, all.data(), sizeof(ip));
    EXPECT_EQ(ip.next_header, Protocol(row));
    EXPECT_EQ(ip.payload_length.host(), all.size() - 40);
    EXPECT_EQ(ip.traffic_class(), 0xba);
    EXPECT_EQ(std::memcmp(ip.src, Ip("2001:db8:ff::1").data(), 16), 0);
    EXPECT_EQ(std::memcmp(ip.dst, meta.lookup.data(), 16), 0);
  }
}

// Entropy: a flow has one source port, flows have many; from the dynamic range.
TEST_P(TunnelTest, SourcePortIsTheFlows) {
  if (GetParam().forward != ForwardMode::kGue) return;
  TestBed bed;
  bed.Apply(Config());
  std::set<uint16_t> ports;
  for (uint16_t flow = 0; flow < 30; ++flow) {
    bed.Add(Inner(0, static_cast<uint16_t>(1000 + flow)));
    bed.Add(Inner(0, static_cast<uint16_t>(1000 + flow), 3));
  }
  const IndexList out = bed.Run();
  ASSERT_EQ(out.size, 60);
  const size_t at = GetParam().outer == k4 ? 20 : 40;
  for (unsigned i = 0; i < 60; i += 2) {
    const uint16_t port = LoadBe16(&bed.ReadL3(i)[at]);
    EXPECT_EQ(LoadBe16(&bed.ReadL3(i + 1)[at]), port);
    EXPECT_GE(port, 0xc000);
    ports.insert(port);
  }
  EXPECT_GE(ports.size(), 28u);
}

TEST_P(TunnelTest, TheBackendsMtuGoesAlong) {
  LbConfig config = Config();
  for (ServiceConfig& service : config.services) {
    for (BackendConfig& backend : service.backends) backend.mtu = 1400;
  }
  TestBed bed;
  bed.Apply(config);
  const unsigned i = bed.Add(Inner());
  ASSERT_EQ(bed.Run().size, 1);
  EXPECT_EQ(bed.burst.meta[i].path_mtu, 1400);
}

TEST_P(TunnelTest, DfByPolicy) {
  if (GetParam().outer != k4) return;
  for (const DfPolicy policy : {DfPolicy::kSet, DfPolicy::kClear}) {
    for (const bool cut : {false, true}) {
      LbConfig config = Config();
      for (ServiceConfig& service : config.services) {
        service.fragment = cut;
        for (BackendConfig& backend : service.backends) backend.df = policy;
      }
      TestBed bed;
      bed.Apply(config);
      const unsigned i = bed.Add(Inner());
      ASSERT_EQ(bed.Run().size, 1);
      const Bytes all = bed.ReadL3(i);
      EXPECT_EQ(LoadBe16(&all[6]), policy == DfPolicy::kSet && !cut ? kIpv4DontFragment : 0);
      EXPECT_EQ((bed.burst.meta[i].flags & kMayCut) != 0, cut);
      Ipv4Header ip;
      std::memcpy(&ip, all.data(), sizeof(ip));
      EXPECT_TRUE(Ipv4ChecksumOk(ip));
    }
  }
}

TEST_P(TunnelTest, TooLongForALengthFieldIsDropped) {
  TestBed bed;
  bed.Apply(Config());
  const size_t headers = GetParam().inner == k4 ? 40 : 60;
  bed.Add(Inner(0, 1, 65'535 - 20 - headers));
  EXPECT_EQ(bed.Run().size, GetParam().forward == ForwardMode::kIpip && GetParam().outer == k4);
  EXPECT_EQ(bed.AllDrops(), bed.Drops(DropReason::kMtuExceeded));
}

std::vector<TunnelCase> Tunnels() {
  return {
      {"Ipip44", ForwardMode::kIpip, 0, k4, k4},  {"Ipip64", ForwardMode::kIpip, 0, k6, k4},
      {"Ipip46", ForwardMode::kIpip, 0, k4, k6},  {"Ipip66", ForwardMode::kIpip, 0, k6, k6},
      {"Gre44", ForwardMode::kGre, 0, k4, k4},    {"Gre64", ForwardMode::kGre, 0, k6, k4},
      {"Gre46", ForwardMode::kGre, 0, k4, k6},    {"Gre66", ForwardMode::kGre, 0, k6, k6},
      {"Gue44", ForwardMode::kGue, 0, k4, k4},    {"Gue64", ForwardMode::kGue, 0, k6, k4},
      {"Gue46", ForwardMode::kGue, 0, k4, k6},    {"Gue66", ForwardMode::kGue, 0, k6, k6},
      {"GueV1_44", ForwardMode::kGue, 1, k4, k4}, {"GueV1_64", ForwardMode::kGue, 1, k6, k4},
      {"GueV1_46", ForwardMode::kGue, 1, k4, k6}, {"GueV1_66", ForwardMode::kGue, 1, k6, k6},
  };
}
INSTANTIATE_TEST_SUITE_P(Modes, TunnelTest, testing::ValuesIn(Tunnels()),
                         [](const auto& test) { return std::string(test.param.name); });

// --- L3DSR

struct L3dsrCase {
  const char* name;
  IpFamily family;
  uint8_t protocol;
  uint8_t traffic_class;
  bool udp_without_checksum = false;
  Bytes between = {};  // options or extension headers
};

// The whole checksum of a TCP, UDP or ICMPv6 packet, pseudo-header included: 0xffff where right.
uint16_t L4Sum(const Bytes& packet) {
  ChecksumAccumulator sum;
  if (packet[0] >> 4 == 4) {
    Ipv4Header ip;
    std::memcpy(&ip, packet.data(), sizeof(ip));
    const size_t at = ip.header_length();
    AddPseudoHeader(sum, ip, ip.protocol, static_cast<uint16_t>(packet.size() - at));
    sum.Add(packet.data() + at, packet.size() - at);
  } else {
    Ipv6Header ip;
    std::memcpy(&ip, packet.data(), sizeof(ip));
    const bool options = ip.next_header == kProtoDestOptions;
    const size_t at = options ? 48 : 40;
    const uint8_t protocol = options ? packet[40] : ip.next_header;
    AddPseudoHeader(sum, ip, protocol, static_cast<uint16_t>(packet.size() - at));
    sum.Add(packet.data() + at, packet.size() - at);
  }
  return sum.Fold();
}

class L3dsrTest : public testing::TestWithParam<L3dsrCase> {
 protected:
  static LbConfig Config() {
    LbConfig config = TwoBackends(ForwardMode::kL3dsr, GetParam().family);
    for (ServiceConfig& service : config.services) {
      service.vips = {Ip(Vip(GetParam().family))};
      service.dscp = 37;
    }
    return config;
  }
  // With a right checksum, or none.
  static Bytes Packet(uint8_t ttl = 61) {
    const L3dsrCase& row = GetParam();
    IpFields fields;
    fields.protocol = row.protocol;
    fields.traffic_class = row.traffic_class;
    fields.ttl = ttl;
    fields.between = row.between;
    if (!row.between.empty()) fields.ipv6_next = kProtoDestOptions;
    const bool tcp = row.protocol == kProtoTcp;
    Bytes packet =
        IpPacket(Ip(Client(row.family)), Ip(Vip(row.family)), fields,
                 tcp ? TcpSegment(40'000, 80, kTcpAck, 33) : UdpDatagram(40'000, 80, 33));
    const size_t l4 = (row.family == k4 ? 20 : 40) + row.between.size();
    if (!row.udp_without_checksum) {
      const Be16 checksum = Be16::FromRaw(static_cast<uint16_t>(~L4Sum(packet)));
      std::memcpy(&packet[l4 + (tcp ? 16 : 6)], &checksum, 2);
    }
    return packet;
  }
};

TEST_P(L3dsrTest, ChangesAddressAndDscpAndKeepsTheRest) {
  const L3dsrCase& row = GetParam();
  TestBed bed;
  bed.Apply(Config());
  const Bytes before = Packet();
  const unsigned i = bed.Add(before);
  ASSERT_EQ(bed.Run().size, 1);
  const PacketMeta& meta = bed.burst.meta[i];
  const Bytes after = bed.ReadL3(i);
  ASSERT_EQ(after.size(), before.size());
  EXPECT_EQ(meta.overhead, 0);
  EXPECT_EQ(meta.flags & (kOriginated | kOnLinkOnly | kL4Valid), kOriginated | kL4Valid);
  EXPECT_EQ(meta.lookup_v6, row.family == k6);

  // What may differ: destination, traffic class, checksums. The rest byte for byte.
  Bytes expected = before;
  const size_t l4 = (row.family == k4 ? 20 : 40) + row.between.size();
  const uint8_t wanted_class = static_cast<uint8_t>(37 << 2 | (row.traffic_class & 3));
  if (row.family == k4) {
    expected[1] = wanted_class;
    std::memcpy(&expected[16], meta.lookup.data(), 4);
    std::memcpy(&expected[10], &after[10], 2);
    Ipv4Header ip;
    std::memcpy(&ip, after.data(), sizeof(ip));
    EXPECT_EQ(Checksum(after.data(), ip.header_length()).raw(), 0) << "IPv4 header checksum";
  } else {
    expected[0] = static_cast<uint8_t>(0x60 | wanted_class >> 4);
    expected[1] = static_cast<uint8_t>((wanted_class & 0xf) << 4 | (before[1] & 0xf));
    std::memcpy(&expected[24], meta.lookup.data(), 16);
  }
  const size_t checksum = l4 + (row.protocol == kProtoTcp ? 16 : 6);
  if (row.udp_without_checksum) {
    EXPECT_EQ(LoadBe16(&after[checksum]), 0);
  } else {
    EXPECT_EQ(L4Sum(after), 0xffff);
    std::memcpy(&expected[checksum], &after[checksum], 2);
  }
  EXPECT_EQ(after, expected);
}

TEST_P(L3dsrTest, WhatArrivesDeadDoesNotLeave) {
  TestBed bed;
  bed.Apply(Config());
  bed.Add(Packet(0));
  EXPECT_EQ(bed.Run().size, 0);
  EXPECT_EQ(bed.Drops(DropReason::kTtlExpired), 1u);
}

std::vector<L3dsrCase> L3dsrCases() {
  return {
      {"Tcp4", k4, kProtoTcp, 0},
      {"Tcp4DscpReplacedEcnKept", k4, kProtoTcp, 0xbb},
      {"Tcp4Options", k4, kProtoTcp, 2, false, Bytes(8, 1)},
      {"Udp4", k4, kProtoUdp, 1},
      {"Udp4WithoutChecksum", k4, kProtoUdp, 0, true},
      {"Tcp6", k6, kProtoTcp, 0},
      {"Tcp6DscpReplacedEcnKept", k6, kProtoTcp, 0xbb},
      {"Tcp6Extension", k6, kProtoTcp, 2, false, {kProtoTcp, 0, 1, 4, 0, 0, 0, 0}},
      {"Udp6", k6, kProtoUdp, 3},
  };
}
INSTANTIATE_TEST_SUITE_P(Modes, L3dsrTest, testing::ValuesIn(L3dsrCases()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(L3dsr, RefusesAnotherFamily) {
  TestBed bed;
  LbConfig config = TwoBackends(ForwardMode::kL3dsr, k4);  // with an IPv6 VIP
  EXPECT_EQ(bed.manager->Apply(config, bed.now, {}).code(), StatusCode::kInvalidArgument);
}

// --- The MSS of SYNs

struct MssCase {
  const char* name;
  uint8_t flags;
  uint16_t announced;
  uint16_t expected;
};
class MssTest : public testing::TestWithParam<std::tuple<MssCase, IpFamily>> {};

TEST_P(MssTest, IsLoweredOnSynsOnly) {
  const auto& [row, family] = GetParam();
  LbConfig config = TwoBackends(ForwardMode::kGue, k4);
  for (ServiceConfig& service : config.services) service.tcp_mss = 1400;
  TestBed bed;
  bed.Apply(config);
  Bytes segment = TcpSegment(40'000, 80, row.flags);
  segment[12] = 6 << 4;
  for (const uint8_t byte : {uint8_t{2}, uint8_t{4}, static_cast<uint8_t>(row.announced >> 8),
                             static_cast<uint8_t>(row.announced)}) {
    segment.push_back(byte);
  }
  Bytes packet = IpPacket(Ip(Client(family)), Ip(Vip(family)), {}, segment);
  const size_t l4 = family == k4 ? 20 : 40;
  const Be16 checksum = Be16::FromRaw(static_cast<uint16_t>(~L4Sum(packet)));
  std::memcpy(&packet[l4 + 16], &checksum, 2);
  const unsigned i = bed.Add(packet);
  ASSERT_EQ(bed.Run().size, 1);
  const Bytes inner = bed.Read(i, 14u + bed.burst.meta[i].overhead);
  EXPECT_EQ(LoadBe16(&inner[l4 + 22]), row.expected);
  EXPECT_EQ(L4Sum(inner), 0xffff);
}

INSTANTIATE_TEST_SUITE_P(
    Rfc9293, MssTest,
    testing::Combine(testing::ValuesIn<MssCase>({{"Lowered", kTcpSyn, 1460, 1400},
                                                 {"SynAck", kTcpSyn | kTcpAck, 9000, 1400},
                                                 {"SmallerStays", kTcpSyn, 536, 536},
                                                 {"EqualStays", kTcpSyn, 1400, 1400},
                                                 {"NoSyn", kTcpAck, 1460, 1460}}),
                     testing::Values(k4, k6)),
    [](const auto& test) {
      return std::string(std::get<0>(test.param).name) +
             (std::get<1>(test.param) == k4 ? "4" : "6");
    });

}  // namespace
}  // namespace flyover::lb
