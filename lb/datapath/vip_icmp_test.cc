#include "lb/datapath/vip_icmp.h"

#include <gtest/gtest.h>

#include <cstring>

#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "lb/datapath/backend_select.h"
#include "lb/datapath/service_lookup.h"
#include "lb/datapath/test_bed.h"

namespace flyover::lb {
namespace {

constexpr const char* kClient4 = "10.1.0.2";
constexpr const char* kClient6 = "2001:db8:1::2";
constexpr const char* kRouter4 = "198.51.100.7";
constexpr const char* kRouter6 = "2001:db8:9::7";
constexpr const char* kVip4 = "192.0.2.1";
constexpr const char* kVip6 = "2001:db8:100::1";

Bytes Pattern(size_t n) {
  Bytes bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(i * 7 + 1);
  return bytes;
}

Bytes Echo(bool v6, size_t data, IpFields fields = {}) {
  const IpAddress client = Ip(v6 ? kClient6 : kClient4);
  const IpAddress vip = Ip(v6 ? kVip6 : kVip4);
  fields.protocol = v6 ? kProtoIcmpv6 : kProtoIcmp;
  return IpPacket(client, vip, fields,
                  IcmpMessage(client, vip, v6 ? uint8_t{kIcmpv6Echo} : uint8_t{kIcmpEcho}, 0,
                              0x00010002, Pattern(data)));
}

struct EchoCase {
  const char* name;
  bool v6;
  size_t data;
  Layout layout;
  Bytes between = {};
  uint8_t ipv6_next = 0;
};
class EchoTest : public testing::TestWithParam<EchoCase> {};

TEST_P(EchoTest, IsAnsweredFromTheVip) {
  const EchoCase& row = GetParam();
  TestBed bed;
  bed.Apply(TwoBackends(ForwardMode::kIpip, IpFamily::kIpv4));
  IpFields fields;
  fields.traffic_class = 0x20;
  fields.between = row.between;
  fields.ipv6_next = row.ipv6_next;
  const unsigned i = bed.Add(Echo(row.v6, row.data, fields), row.layout);
  ASSERT_EQ(bed.Run().size, 1);
  ASSERT_EQ(bed.AllDrops(), 0u);

  const PacketMeta& meta = bed.burst.meta[i];
  const IpAddress client = Ip(row.v6 ? kClient6 : kClient4);
  const IpAddress vip = Ip(row.v6 ? kVip6 : kVip4);
  EXPECT_EQ(meta.flags & (kOriginated | kVip | kIpOptions), kOriginated);
  EXPECT_EQ(meta.lookup, client.bytes());
  EXPECT_EQ(meta.lookup_v6, row.v6);
  EXPECT_EQ(meta.overhead, 0);
  EXPECT_EQ(meta.l3_offset, 14);

  const Bytes reply = bed.ReadL3(i);
  ASSERT_EQ(reply.size(), meta.l3_length);
  const unsigned header = row.v6 ? 40 : 20;
  EXPECT_EQ(meta.l4_offset, 14 + header);
  // As a message built from nothing, checksum and all.
  const Bytes expected =
      IcmpMessage(vip, client, row.v6 ? uint8_t{kIcmpv6EchoReply} : uint8_t{kIcmpEchoReply}, 0,
                  0x00010002, Pattern(row.data));
  EXPECT_EQ(Bytes(reply.begin() + header, reply.end()), expected);
  if (row.v6) {
    Ipv6Header ip;
    std::memcpy(&ip, reply.data(), sizeof(ip));
    EXPECT_EQ(ip.hop_limit, 64);
    EXPECT_EQ(ip.next_header, kProtoIcmpv6);
    EXPECT_EQ(ip.payload_length.host(), expected.size());
    EXPECT_EQ(ip.traffic_class(), 0x20);
    EXPECT_EQ(IpAddress(Ipv6Address::FromBytes(ip.src)), vip);
    EXPECT_EQ(IpAddress(Ipv6Address::FromBytes(ip.dst)), client);
  } else {
    Ipv4Header ip;
    std::memcpy(&ip, reply.data(), sizeof(ip));
    EXPECT_EQ(ip.version_ihl, 0x45);
    EXPECT_EQ(ip.ttl, 64);
    EXPECT_EQ(ip.tos, 0x20);
    EXPECT_EQ(ip.total_length.host(), reply.size());
    EXPECT_TRUE(Ipv4ChecksumOk(ip));
    EXPECT_EQ(IpAddress(Ipv4Address{ip.src.host()}), vip);
    EXPECT_EQ(IpAddress(Ipv4Address{ip.dst.host()}), client);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, EchoTest,
    testing::ValuesIn<EchoCase>({
        {"Ipv4", false, 56, {}},
        {"Ipv6", true, 56, {}},
        {"Ipv4NoData", false, 0, {}},
        {"Ipv6OddData", true, 33, {}},
        {"Ipv4PaddedFrame", false, 4, {.segments = {}, .padding = 14}},
        {"Ipv6PaddedFrame", true, 0, {.segments = {}, .padding = 5}},
        {"Ipv4Segments", false, 1400, {.segments = {257, 1, 99}, .padding = 3}},
        {"Ipv6Segments", true, 1401, {.segments = {300, 1, 1, 500}}},
        {"Ipv4Options", false, 56, {}, Bytes(8, 1)},
        {"Ipv6HopByHop", true, 56, {}, {kProtoIcmpv6, 0, 1, 4, 0, 0, 0, 0}, kProtoHopByHop},
    }),
    [](const auto& test) { return std::string(test.param.name); });

// ---- Errors ----

uint16_t constexpr kPort = 40'000;

// What a backend sent to the client, as a router on the way quotes it.
Bytes Reply(bool v6, const char* vip = nullptr, uint16_t vip_port = 80) {
  return TcpPacket(vip != nullptr ? vip : (v6 ? kVip6 : kVip4), vip_port, v6 ? kClient6 : kClient4,
                   kPort, kTcpAck, 40);
}
Bytes Error(bool v6, uint8_t type, uint8_t code, uint32_t rest, const Bytes& quote) {
  const IpAddress router = Ip(v6 ? kRouter6 : kRouter4);
  const IpAddress vip = Ip(v6 ? kVip6 : kVip4);
  IpFields fields;
  fields.protocol = v6 ? kProtoIcmpv6 : kProtoIcmp;
  return IpPacket(router, vip, fields, IcmpMessage(router, vip, type, code, rest, quote));
}
Bytes FragmentationNeeded(const Bytes& quote) {
  return Error(false, kIcmpUnreachable, kIcmpFragmentationNeeded, 1400, quote);
}
Bytes TooBig(const Bytes& quote) { return Error(true, kIcmpv6PacketTooBig, 0, 1400, quote); }

class VipErrorTest : public testing::Test {
 protected:
  explicit VipErrorTest(unsigned lcores = 2) : bed_(lcores) {
    bed_.Apply(TwoBackends(ForwardMode::kIpip, IpFamily::kIpv4));
  }
  BackendId SendClient(bool v6, unsigned lcore = 0) {
    bed_.Add(TcpPacket(v6 ? kClient6 : kClient4, kPort, v6 ? kVip6 : kVip4, 80));
    EXPECT_EQ(bed_.Run(lcore).size, 1);
    const BackendId id(bed_.burst.meta[0].backend);
    bed_.Clear();
    return id;
  }
  // Makes the flow's entry name a backend that Maglev would not choose.
  BackendId PinToOther(bool v6, unsigned lcore) {
    const BackendId chosen = SendClient(v6, lcore);
    const BackendId b1 = bed_.IdOf("tcp", "b1");
    const BackendId other = chosen == b1 ? bed_.IdOf("tcp", "b2") : b1;
    bed_.Add(TcpPacket(v6 ? kClient6 : kClient4, kPort, v6 ? kVip6 : kVip4, 80));
    bed_.lcores[lcore]->connections->Insert(bed_.burst.meta[0].flow_hash, other, 1000,
                                            bed_.table().connection_timeouts());
    bed_.Clear();
    return other;
  }
  void ExpectForwardedTo(BackendId backend, const Bytes& error) {
    const uint64_t before = bed_.lcores[0]->connections->inserts();
    const unsigned i = bed_.Add(error);
    ASSERT_EQ(bed_.Run(0).size, 1);
    EXPECT_EQ(BackendId(bed_.burst.meta[i].backend), backend);
    EXPECT_TRUE((bed_.burst.meta[i].flags & kIcmpError) != 0);
    EXPECT_EQ(bed_.burst.meta[i].overhead, 20);
    EXPECT_EQ(bed_.Read(i, 34), error);                         // whole, in the tunnel
    EXPECT_EQ(bed_.lcores[0]->connections->inserts(), before);  // and no entry made
    bed_.Clear();
  }
  void ExpectDropped(DropReason reason, const Bytes& error, const Layout& layout = {}) {
    const uint64_t before = bed_.Drops(reason);
    const uint64_t all = bed_.AllDrops();
    bed_.Add(error, layout);
    EXPECT_EQ(bed_.Run(0).size, 0);
    EXPECT_EQ(bed_.Drops(reason), before + 1);
    EXPECT_EQ(bed_.AllDrops(), all + 1);
  }

  TestBed bed_;
};

TEST_F(VipErrorTest, FollowsTheFlowOfThisLcore) {
  const BackendId v4 = PinToOther(false, 0);
  ExpectForwardedTo(v4, FragmentationNeeded(Reply(false)));
  const BackendId v6 = PinToOther(true, 0);
  ExpectForwardedTo(v6, TooBig(Reply(true)));
}

TEST_F(VipErrorTest, FollowsTheFlowOfAnotherLcore) {
  const BackendId v4 = PinToOther(false, 1);
  ExpectForwardedTo(v4, FragmentationNeeded(Reply(false)));
}

TEST_F(VipErrorTest, FollowsMaglevWhereNoEntryIsLeft) {
  const BackendId v4 = SendClient(false);
  bed_.context->set_now(bed_.context->now() + 301 * bed_.context->tsc_hz());
  ExpectForwardedTo(v4, FragmentationNeeded(Reply(false)));
}

TEST_F(VipErrorTest, LeavesABackendThatIsDown) {
  const BackendId first = SendClient(false);
  const BackendId b1 = bed_.IdOf("tcp", "b1");
  bed_.Report("tcp", first == b1 ? "b1" : "b2", HealthState::kDown);
  ExpectForwardedTo(first == b1 ? bed_.IdOf("tcp", "b2") : b1, FragmentationNeeded(Reply(false)));
}

TEST_F(VipErrorTest, AllKindsOfErrorsFollow) {
  const BackendId v4 = SendClient(false);
  for (const uint8_t type : {kIcmpUnreachable, kIcmpTimeExceeded, kIcmpParameterProblem}) {
    ExpectForwardedTo(v4, Error(false, type, 0, 0, Reply(false)));
  }
  const BackendId v6 = SendClient(true);
  for (const uint8_t type :
       {kIcmpv6Unreachable, kIcmpv6PacketTooBig, kIcmpv6TimeExceeded, kIcmpv6ParameterProblem}) {
    ExpectForwardedTo(v6, Error(true, type, 0, 0, Reply(true)));
  }
}

TEST_F(VipErrorTest, EightBytesOfTcpSuffice) {
  const BackendId v4 = SendClient(false);
  Bytes quote = Reply(false);
  quote.resize(28);
  ExpectForwardedTo(v4, FragmentationNeeded(quote));
}

TEST_F(VipErrorTest, ExtensionHeadersOfTheQuoteAreSteppedOver) {
  const BackendId v6 = SendClient(true);
  IpFields fields;
  fields.ipv6_next = kProtoDestOptions;
  fields.between = {kProtoTcp, 0, 1, 4, 0, 0, 0, 0};
  ExpectForwardedTo(
      v6, TooBig(IpPacket(Ip(kVip6), Ip(kClient6), fields, TcpSegment(80, kPort, kTcpAck))));
}

TEST_F(VipErrorTest, QuotesOfOthersAreDropped) {
  constexpr DropReason kNoFlow = DropReason::kVipIcmpNoFlow;
  ExpectDropped(kNoFlow, FragmentationNeeded(Reply(false, kVip4, 81)));        // no such service
  ExpectDropped(kNoFlow, FragmentationNeeded(Reply(false, "192.0.2.2", 80)));  // not from the VIP
  ExpectDropped(kNoFlow, TooBig(Reply(true, "2001:db8:100::2", 80)));
  ExpectDropped(kNoFlow, FragmentationNeeded(Echo(false, 8)));  // ICMP has no flow
  // The client's own packet, not a reply to it: its source is not the VIP.
  ExpectDropped(kNoFlow, FragmentationNeeded(TcpPacket(kClient4, kPort, kVip4, 80)));
}

TEST_F(VipErrorTest, MalformedOnesAreDropped) {
  constexpr DropReason kMalformed = DropReason::kVipIcmpMalformed;
  for (const size_t cut : {0u, 1u, 19u, 20u, 27u}) {
    Bytes quote = Reply(false);
    quote.resize(cut);
    ExpectDropped(kMalformed, FragmentationNeeded(quote));
  }
  for (const size_t cut : {0u, 1u, 39u, 40u, 47u}) {
    Bytes quote = Reply(true);
    quote.resize(cut);
    ExpectDropped(kMalformed, TooBig(quote));
  }
  Bytes version7 = Reply(false);
  version7[0] = 0x75;
  ExpectDropped(kMalformed, FragmentationNeeded(version7));

  for (Bytes packet :
       {FragmentationNeeded(Reply(false)), TooBig(Reply(true)), Echo(false, 40), Echo(true, 40)}) {
    packet.back() ^= 1;  // the checksum is wrong now
    ExpectDropped(kMalformed, packet);
  }
  for (const bool v6 : {false, true}) {  // no whole ICMP header
    IpFields fields;
    fields.protocol = v6 ? kProtoIcmpv6 : kProtoIcmp;
    ExpectDropped(kMalformed, IpPacket(Ip(v6 ? kClient6 : kClient4), Ip(v6 ? kVip6 : kVip4), fields,
                                       Bytes(7, 8)));
  }
  Bytes far = Echo(false, 1000);  // wrong in its last segment
  far.back() ^= 1;
  ExpectDropped(kMalformed, far, {.segments = {300, 301}});
}

// A flow that has no entry is answered by the table it was born under, and so are errors about it.
TEST_F(VipErrorTest, FlowsOfADrainedBackendStillHear) {
  const BackendId chosen = SendClient(false);
  ASSERT_TRUE(bed_.manager->Drain("tcp", "b1").ok());
  ASSERT_TRUE(bed_.manager->Drain("tcp", "b2").ok());
  ExpectForwardedTo(chosen, FragmentationNeeded(Reply(false)));
}

TEST_F(VipErrorTest, NobodyLeftDropsByName) {
  bed_.Report("tcp", "b1", HealthState::kDown);
  bed_.Report("tcp", "b2", HealthState::kDown);
  ExpectDropped(DropReason::kVipNoBackend, FragmentationNeeded(Reply(false)));
}

TEST_F(VipErrorTest, OtherTypesAreNotOurs) {
  for (const uint8_t type : {kIcmpRedirect, kIcmpSourceQuench, IcmpType{13}}) {
    bed_.Add(Error(false, type, 0, 0, Reply(false)));
  }
  for (const uint8_t type : {kIcmpv6EchoReply, kIcmpv6Redirect}) {
    bed_.Add(Error(true, type, 0, 0, Reply(true)));
  }
  EXPECT_EQ(bed_.Run(0).size, 5);
  for (unsigned i = 0; i < 5; ++i) {
    EXPECT_EQ(bed_.burst.meta[i].flags & (kVip | kOriginated), kVip);
  }
}

}  // namespace
}  // namespace flyover::lb
