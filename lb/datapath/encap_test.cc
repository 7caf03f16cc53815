#include "lb/datapath/encap.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "lb/datapath/test_bed.h"

namespace flyover::lb {
namespace {

constexpr const char* kClient4 = "10.1.0.2";
constexpr const char* kClient6 = "2001:db8:1::2";
constexpr const char* kVip4 = "192.0.2.1";
constexpr const char* kVip6 = "2001:db8:100::1";

struct EncapCase {
  const char* name;
  IpFamily inner;
  IpFamily outer;
  uint8_t traffic_class = 0;
  uint16_t ipv4_fragment = 0;
  Layout layout;
  // Expected.
  uint8_t protocol;
  bool outer_df = false;  // IPv4
  size_t data = 64;
};

class EncapTest : public testing::TestWithParam<EncapCase> {
 protected:
  Bytes Inner() const {
    const bool v4 = GetParam().inner == IpFamily::kIpv4;
    IpFields fields;
    fields.traffic_class = GetParam().traffic_class;
    fields.ipv4_fragment = GetParam().ipv4_fragment;
    return IpPacket(Ip(v4 ? kClient4 : kClient6), Ip(v4 ? kVip4 : kVip6), fields,
                    TcpSegment(40'000, 80, kTcpAck, GetParam().data));
  }
};

TEST_P(EncapTest, WritesTheOuterHeader) {
  const EncapCase& row = GetParam();
  TestBed bed;
  bed.Apply(TwoBackends(ForwardMode::kIpip, row.outer));
  const Bytes inner = Inner();
  const unsigned i = bed.Add(inner, row.layout);
  ASSERT_EQ(bed.Run().size, 1);
  ASSERT_EQ(bed.AllDrops(), 0u);

  const PacketMeta& meta = bed.burst.meta[i];
  const size_t outer_length = row.outer == IpFamily::kIpv4 ? 20 : 40;
  EXPECT_EQ(meta.l3_offset, 14);
  EXPECT_EQ(meta.overhead, outer_length);
  EXPECT_EQ(meta.l3_length, inner.size() + outer_length);
  EXPECT_EQ(meta.protocol, row.protocol);
  EXPECT_EQ((meta.flags & kIpv6) != 0, row.outer == IpFamily::kIpv6);
  EXPECT_EQ(meta.flags & (kOriginated | kVip | kOnLinkOnly | kL4Valid), kOriginated | kVip);
  EXPECT_EQ(meta.lookup_v6, row.outer == IpFamily::kIpv6);
  EXPECT_EQ(SourceOf(bed.burst.pkt[i]), PortSource(PortIndex(0)));
  EXPECT_GE(bed.burst.pkt[i]->data_len, std::min<uint32_t>(bed.burst.pkt[i]->pkt_len, kContiguous));

  const Bytes outer = bed.ReadL3(i);
  ASSERT_EQ(outer.size(), inner.size() + outer_length);
  EXPECT_EQ(Bytes(outer.begin() + static_cast<ptrdiff_t>(outer_length), outer.end()), inner);

  const BackendEntry& backend = bed.table().Backend(BackendId(meta.backend));
  EXPECT_EQ(meta.lookup, backend.address);
  if (row.outer == IpFamily::kIpv4) {
    Ipv4Header ip;
    std::memcpy(&ip, outer.data(), sizeof(ip));
    EXPECT_EQ(ip.version_ihl, 0x45);
    EXPECT_EQ(ip.tos, row.traffic_class);
    EXPECT_EQ(ip.total_length.host(), outer.size());
    EXPECT_EQ(ip.fragment.host(), row.outer_df ? kIpv4DontFragment : 0);
    if (row.outer_df) {
      EXPECT_EQ(ip.id.host(), 0);
    }
    EXPECT_EQ(ip.ttl, 64);
    EXPECT_EQ(ip.protocol, row.protocol);
    EXPECT_TRUE(Ipv4ChecksumOk(ip));
    EXPECT_EQ(Ipv4Address{ip.src.host()}, Ip("10.255.0.1").v4());
    EXPECT_EQ(std::memcmp(&ip.dst, backend.address.data(), 4), 0);
  } else {
    Ipv6Header ip;
    std::memcpy(&ip, outer.data(), sizeof(ip));
    EXPECT_EQ(ip.version_class_flow.host() >> 28, 6u);
    EXPECT_EQ(ip.traffic_class(), row.traffic_class);
    EXPECT_NE(ip.flow_label(), 0u);
    EXPECT_EQ(ip.payload_length.host(), inner.size());
    EXPECT_EQ(ip.next_header, row.protocol);
    EXPECT_EQ(ip.hop_limit, 64);
    EXPECT_EQ(std::memcmp(ip.src, Ip("2001:db8:ff::1").data(), 16), 0);
    EXPECT_EQ(std::memcmp(ip.dst, backend.address.data(), 16), 0);
  }
}

constexpr IpFamily k4 = IpFamily::kIpv4;
constexpr IpFamily k6 = IpFamily::kIpv6;
INSTANTIATE_TEST_SUITE_P(
    Rfc2003Rfc2473, EncapTest,
    testing::ValuesIn<EncapCase>({
        {.name = "Ipv4InIpv4", .inner = k4, .outer = k4, .layout = {}, .protocol = 4},
        {.name = "Ipv6InIpv4",
         .inner = k6,
         .outer = k4,
         .layout = {},
         .protocol = 41,
         .outer_df = true},
        {.name = "Ipv4InIpv6", .inner = k4, .outer = k6, .layout = {}, .protocol = 4},
        {.name = "Ipv6InIpv6", .inner = k6, .outer = k6, .layout = {}, .protocol = 41},
        {.name = "DfIsCopied",
         .inner = k4,
         .outer = k4,
         .ipv4_fragment = kIpv4DontFragment,
         .layout = {},
         .protocol = 4,
         .outer_df = true},
        {.name = "ReservedFlagIsNot",
         .inner = k4,
         .outer = k4,
         .ipv4_fragment = 0x8000,
         .layout = {},
         .protocol = 4},
        {.name = "DscpAndCeAreCopied44",
         .inner = k4,
         .outer = k4,
         .traffic_class = 0x8f,
         .layout = {},
         .protocol = 4},
        {.name = "DscpAndEctAreCopied64",
         .inner = k6,
         .outer = k4,
         .traffic_class = 0xb9,
         .layout = {},
         .protocol = 41,
         .outer_df = true},
        {.name = "DscpAndEctAreCopied46",
         .inner = k4,
         .outer = k6,
         .traffic_class = 0x8e,
         .layout = {},
         .protocol = 4},
        {.name = "DscpAndCeAreCopied66",
         .inner = k6,
         .outer = k6,
         .traffic_class = 0xff,
         .layout = {},
         .protocol = 41},
        {.name = "PaddingIsCutOff",
         .inner = k4,
         .outer = k4,
         .layout = {.segments = {}, .padding = 6},
         .protocol = 4,
         .data = 0},
        {.name = "Segments",
         .inner = k4,
         .outer = k6,
         .layout = {.segments = {257, 1, 99}, .padding = 3},
         .protocol = 4,
         .data = 2000},
        {.name = "NoHeadroom",
         .inner = k4,
         .outer = k4,
         .layout = {.segments = {}, .headroom = 0},
         .protocol = 4},
        {.name = "NoHeadroomLarge",
         .inner = k6,
         .outer = k6,
         .layout = {.segments = {300, 700}, .headroom = 0},
         .protocol = 41,
         .data = 4000},
    }),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Encap, IdsOfFragmentableHeadersDiffer) {
  TestBed bed;
  bed.Apply(TwoBackends(ForwardMode::kIpip, k4));
  std::set<uint16_t> ids;
  for (int n = 0; n < 5; ++n) bed.Add(TcpPacket(kClient4, 40'000, kVip4, 80));
  for (const unsigned i : bed.Run()) ids.insert(LoadBe16(&bed.ReadL3(i)[4]));
  EXPECT_EQ(ids.size(), 5u);
}

TEST(Encap, FlowLabelIsTheFlows) {
  TestBed bed;
  bed.Apply(TwoBackends(ForwardMode::kIpip, k6));
  std::set<uint32_t> labels;
  for (const int port : {1000, 1000, 1001, 1002}) {
    bed.Add(TcpPacket(kClient4, static_cast<uint16_t>(port), kVip4, 80));
  }
  for (const unsigned i : bed.Run()) labels.insert(LoadBe32(&bed.ReadL3(i)[0]) & 0xfffff);
  EXPECT_EQ(labels.size(), 3u);
}

TEST(Encap, TooLongForALengthFieldIsDropped) {
  for (const bool fits : {true, false}) {
    TestBed bed;
    bed.Apply(TwoBackends(ForwardMode::kIpip, k4));
    bed.Add(TcpPacket(kClient4, 40'000, kVip4, 80, kTcpAck, 65'535 - 60 + (fits ? 0 : 1)));
    EXPECT_EQ(bed.Run().size, fits ? 1 : 0);
    EXPECT_EQ(bed.Drops(DropReason::kMtuExceeded), fits ? 0u : 1u);
  }
}

TEST(Encap, OptionsOfTheInnerPacketAreNotTheOuters) {
  TestBed bed;
  bed.Apply(TwoBackends(ForwardMode::kIpip, k4));
  IpFields fields;
  fields.between = Bytes(4, 1);
  const Bytes inner = IpPacket(Ip(kClient4), Ip(kVip4), fields, TcpSegment(1, 80, kTcpSyn));
  const unsigned i = bed.Add(inner);
  ASSERT_EQ(bed.Run().size, 1);
  EXPECT_EQ(bed.burst.meta[i].flags & kIpOptions, 0);
  EXPECT_EQ(bed.Read(i, 34), inner);
}

struct DirectCase {
  const char* name;
  IpFamily packet;
  IpFamily backend;
};
class DirectTest : public testing::TestWithParam<DirectCase> {};

TEST_P(DirectTest, LeavesEveryByte) {
  TestBed bed;
  bed.Apply(TwoBackends(ForwardMode::kL2dsr, GetParam().backend));
  const bool v4 = GetParam().packet == k4;
  const Bytes packet =
      TcpPacket(v4 ? kClient4 : kClient6, 40'000, v4 ? kVip4 : kVip6, 80, kTcpSyn, 10);
  const unsigned i = bed.Add(packet);
  ASSERT_EQ(bed.Run().size, 1);
  const PacketMeta& meta = bed.burst.meta[i];
  EXPECT_EQ(bed.ReadL3(i), packet);
  EXPECT_EQ(meta.l3_offset, 14);
  EXPECT_EQ(meta.overhead, 0);
  EXPECT_EQ(meta.flags & (kOnLinkOnly | kOriginated), kOnLinkOnly | kOriginated);
  EXPECT_EQ((meta.flags & kIpv6) != 0, !v4);
  EXPECT_EQ(meta.lookup, bed.table().Backend(BackendId(meta.backend)).address);
  EXPECT_EQ(meta.lookup_v6, GetParam().backend == k6);
}

INSTANTIATE_TEST_SUITE_P(L2dsr, DirectTest,
                         testing::ValuesIn<DirectCase>({{"Ipv4ToIpv4", k4, k4},
                                                        {"Ipv6ToIpv6", k6, k6},
                                                        {"Ipv4ToIpv6", k4, k6},
                                                        {"Ipv6ToIpv4", k6, k4}}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Encap, CountsPerServiceAndBackend) {
  TestBed bed;
  bed.Apply(TwoBackends(ForwardMode::kIpip, k4));
  const Bytes packet = TcpPacket(kClient4, 40'000, kVip4, 80, kTcpAck, 60);
  bed.Add(TcpPacket(kClient4, 40'000, kVip4, 80, kTcpSyn, 60));
  for (int n = 0; n < 2; ++n) bed.Add(packet);
  const IndexList out = bed.Run();
  ASSERT_EQ(out.size, 3);
  const BackendId id(bed.burst.meta[0].backend);
  const FlowTotals expected{3, 3 * packet.size(), 1, 0};
  EXPECT_EQ(bed.lcores[0]->counters.backend(id).Load(), expected);
  EXPECT_EQ(bed.manager->Services()[0].totals, expected);
  EXPECT_EQ(bed.manager->Services()[1].totals, FlowTotals{});
}

}  // namespace
}  // namespace flyover::lb
