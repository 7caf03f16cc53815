// A plain packet must leave plain_input as it would leave stages 2 and 3, bytes and meta alike.
#include "router/datapath/plain_input.h"

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <memory>
#include <random>

#include "common/datapath/stage_context.h"
#include "common/testing/mbuf_factory.h"
#include "router/datapath/ethernet_input.h"
#include "router/datapath/ip_input.h"

namespace flyover::router {
namespace {

using test::Bytes;
using test::Eth;
using test::Ext6;
using test::Frag6;
using test::Icmp;
using test::Ip4;
using test::Ip6;
using test::Payload;
using test::Tcp;
using test::Udp;

constexpr PortIndex kPort{3};
constexpr test::Mac kOwnMac{2, 0, 0, 0, 0, 0x0a};
constexpr uint64_t kTagFlags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
const Eth kEth{.dst = kOwnMac, .src = {2, 0, 0, 0, 0, 0x0b}};
const Ip4 kIp4{.src = "10.1.0.2", .dst = "10.9.0.1"};
const Ip6 kIp6{.src = "2001:db8:1::2", .dst = "2001:db8:9::1"};

class PlainInputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pool_ = rte_pktmbuf_pool_create("plain", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ring_ = rte_ring_create("plain", 64, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    StageContext::Options options;
    options.pool = pool_;
    options.punt_ring = ring_;
    options.tsc_hz = 1'000'000'000;
    context_ = std::make_unique<StageContext>(options);
    factory_ = std::make_unique<test::MbufFactory>(pool_);
    PortEntry& port = ports_.ports[kPort.value()];
    port.present = port.up = true;
    std::copy(kOwnMac.begin(), kOwnMac.end(), port.mac.bytes.begin());
    port.vrf = VrfIndex(2);
  }
  void TearDown() override {
    context_->FlushDrops();
    rte_mbuf* m = nullptr;
    while (rte_ring_dequeue(ring_, reinterpret_cast<void**>(&m)) == 0) rte_pktmbuf_free(m);
    factory_.reset();
    rte_ring_free(ring_);
    rte_mempool_free(pool_);
  }

  // In memory of exactly the frame's size, for the sanitizer.
  void Start(const Bytes& frame) {
    burst_.size = 1;
    burst_.pkt[0] = factory_->Make(frame, {test::Layout::kExternal, 0});
    burst_.pkt[0]->port = kPort.value();
    burst_.meta[0] = {};
    burst_.meta[0].source = PortSource(kPort);
    burst_.meta[0].in_port = kPort;
  }
  bool IsPlain(const Bytes& frame, uint64_t flags = 0, uint16_t tag = 0) {
    Start(frame);
    burst_.pkt[0]->ol_flags |= flags;
    burst_.pkt[0]->vlan_tci = tag;
    PlainEdges edges;
    PlainInput(ports_, key_, burst_, edges);
    EXPECT_EQ(edges.plain.size + edges.others.size, 1);
    const bool plain = edges.plain.size == 1;
    if (plain) {
      Compare(frame, flags, tag);
    } else {
      EXPECT_EQ(test::BytesOf(burst_.pkt[0]), frame) << "touched";
    }
    rte_pktmbuf_free(burst_.pkt[0]);
    return plain;
  }

  PortEntry& port() { return ports_.ports[kPort.value()]; }

 private:
  // burst_ holds what plain_input made of the frame.
  void Compare(const Bytes& frame, uint64_t flags, uint16_t tag) {
    const PacketMeta plain = burst_.meta[0];
    rte_mbuf* const m = burst_.pkt[0];
    const Bytes bytes = test::BytesOf(m);
    Start(frame);
    burst_.pkt[0]->ol_flags |= flags;
    burst_.pkt[0]->vlan_tci = tag;
    IndexList all, valid;
    all.Add(0);
    EthernetEdges ethernet;
    EthernetInput(*context_, ports_, burst_, all, ethernet);
    Ipv4Input(*context_, key_, burst_, ethernet.ipv4, valid);
    Ipv6Input(*context_, key_, burst_, ethernet.ipv6, valid);
    ASSERT_EQ(valid.size, 1) << "the rules refuse it";
    const PacketMeta& ruled = burst_.meta[0];
    EXPECT_EQ(bytes, test::BytesOf(burst_.pkt[0]));
    EXPECT_EQ(m->ol_flags & kTagFlags, burst_.pkt[0]->ol_flags & kTagFlags);
    EXPECT_EQ(plain.flow_hash, ruled.flow_hash);
    EXPECT_EQ(plain.lookup, ruled.lookup);
    EXPECT_EQ(plain.flags, ruled.flags);
    EXPECT_EQ(plain.l3_offset, ruled.l3_offset);
    EXPECT_EQ(plain.l4_offset, ruled.l4_offset);
    EXPECT_EQ(plain.l3_length, ruled.l3_length);
    EXPECT_EQ(plain.overhead, ruled.overhead);
    EXPECT_EQ(plain.vrf, ruled.vrf);
    EXPECT_EQ(plain.protocol, ruled.protocol);
    EXPECT_EQ(plain.lookup_v6, ruled.lookup_v6);
    rte_pktmbuf_free(burst_.pkt[0]);
    burst_.pkt[0] = m;
  }

  const HashKey key_ = KeyFromSeed(7, 1);
  PortTable ports_;
  rte_mempool* pool_ = nullptr;
  rte_ring* ring_ = nullptr;
  Burst burst_;
  std::unique_ptr<StageContext> context_;
  std::unique_ptr<test::MbufFactory> factory_;
};

Bytes Padded(Bytes frame, size_t size) {
  frame.resize(std::max(frame.size(), size), 0xee);
  return frame;
}

TEST_F(PlainInputTest, TakesWhatNearlyAllPacketsAre) {
  EXPECT_TRUE(IsPlain(kEth / kIp4 / Tcp{} / Payload(100)));
  EXPECT_TRUE(IsPlain(kEth / kIp4 / Udp{}));
  EXPECT_TRUE(IsPlain(Padded(kEth / kIp4 / Udp{}, 60))) << "Ethernet padding is cut off";
  EXPECT_TRUE(IsPlain(kEth / kIp4 / Payload(30))) << "a protocol without ports";
  EXPECT_TRUE(IsPlain(kEth / kIp6 / Tcp{} / Payload(100)));
  EXPECT_TRUE(IsPlain(Padded(kEth / kIp6 / Udp{}, 80)));
}

TEST_F(PlainInputTest, LeavesToTheRulesWhatTheySpeakOf) {
  const auto ip4 = [](auto change) {
    Ip4 ip = kIp4;
    change(ip);
    return Bytes(kEth / ip / Udp{} / Payload(20));
  };
  const auto ip6 = [](auto change) {
    Ip6 ip = kIp6;
    change(ip);
    return Bytes(kEth / ip / Udp{} / Payload(20));
  };
  EXPECT_FALSE(IsPlain(ip4([](Ip4& ip) { ip.checksum = 1; })));
  EXPECT_FALSE(IsPlain(ip4([](Ip4& ip) { ip.mf = true; })));
  EXPECT_FALSE(IsPlain(ip4([](Ip4& ip) { ip.frag = 8; })));
  EXPECT_FALSE(IsPlain(ip4([](Ip4& ip) { ip.options = {7, 3, 4}; })));
  EXPECT_FALSE(IsPlain(ip4([](Ip4& ip) { ip.length = 1000; })));
  EXPECT_FALSE(IsPlain(ip4([](Ip4& ip) { ip.length = 20; }))) << "no room for ports";
  EXPECT_FALSE(IsPlain(ip4([](Ip4& ip) { ip.version = 5; })));
  EXPECT_FALSE(IsPlain(ip4([](Ip4& ip) { ip.src = "127.0.0.1"; })));
  EXPECT_FALSE(IsPlain(ip4([](Ip4& ip) { ip.dst = "0.1.2.3"; })));
  EXPECT_FALSE(IsPlain(ip4([](Ip4& ip) { ip.dst = "224.0.0.5"; })));
  EXPECT_FALSE(IsPlain(ip4([](Ip4& ip) { ip.dst = "255.255.255.255"; })));
  EXPECT_FALSE(IsPlain(ip6([](Ip6& ip) { ip.src = "::1"; })));
  EXPECT_FALSE(IsPlain(ip6([](Ip6& ip) { ip.src = "fe80::1"; })));
  EXPECT_FALSE(IsPlain(ip6([](Ip6& ip) { ip.src = "::ffff:10.0.0.1"; })));
  EXPECT_FALSE(IsPlain(ip6([](Ip6& ip) { ip.dst = "ff02::5"; })));
  EXPECT_FALSE(IsPlain(ip6([](Ip6& ip) { ip.dst = "::"; })));
  EXPECT_FALSE(IsPlain(kEth / kIp4 / Icmp{}));
  EXPECT_FALSE(IsPlain(kEth / kIp6 / Ext6{.kind = 60} / Udp{}));
  EXPECT_FALSE(IsPlain(kEth / kIp6 / Frag6{} / Udp{}));
  EXPECT_FALSE(IsPlain(kEth / kIp4 / Udp{.sport = 67, .dport = 68} / Payload(240)));
  EXPECT_FALSE(IsPlain(kEth / kIp4 / Udp{} / Payload(1500))) << "longer than the port's MTU";
}

TEST_F(PlainInputTest, LeavesFramesThatAreNotForTheOwnAddress) {
  const auto from = [](test::Mac dst, test::Mac src) {
    return Bytes(Eth{.dst = dst, .src = src} / kIp4 / Udp{} / Payload(20));
  };
  EXPECT_FALSE(IsPlain(from({2, 0, 0, 0, 0, 0x0c}, kEth.src)));
  EXPECT_FALSE(IsPlain(from({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, kEth.src)));
  EXPECT_FALSE(IsPlain(from(kOwnMac, kOwnMac)));
  EXPECT_FALSE(IsPlain(from(kOwnMac, {3, 0, 0, 0, 0, 1}))) << "a group as source";
  EXPECT_FALSE(IsPlain(Eth{.dst = kOwnMac, .src = kEth.src} / test::Vlan{.id = 5} / kIp4 / Udp{}));
}

TEST_F(PlainInputTest, TakesWhoseTagTheDeviceTookOff) {
  const Bytes frame = kEth / kIp4 / Udp{};
  EXPECT_FALSE(IsPlain(frame, kTagFlags, 100)) << "the port expects none";
  port().vlan_tags = 1;
  EXPECT_TRUE(IsPlain(frame, kTagFlags, 100));
  EXPECT_TRUE(IsPlain(kEth / kIp6 / Udp{}, kTagFlags, 100));
  EXPECT_FALSE(IsPlain(Eth{.dst = kOwnMac, .src = kEth.src} / test::Vlan{.id = 5} / kIp4 / Udp{},
                       kTagFlags, 100));
  port().up = false;
  EXPECT_FALSE(IsPlain(frame, kTagFlags, 100));
  port().up = true;
  port().vlan_tags = 2;
  EXPECT_FALSE(IsPlain(frame, kTagFlags, 100));
}

// The device's word is taken for the sum; without it the sum is computed.
TEST_F(PlainInputTest, TakesTheDevicesWordForTheChecksum) {
  Ip4 wrong = kIp4;
  wrong.checksum = 1;
  const Bytes frame = kEth / wrong / Udp{};
  EXPECT_FALSE(IsPlain(frame));
  EXPECT_FALSE(IsPlain(frame, RTE_MBUF_F_RX_IP_CKSUM_BAD));
  EXPECT_TRUE(IsPlain(kEth / kIp4 / Udp{}, RTE_MBUF_F_RX_IP_CKSUM_GOOD));
  EXPECT_TRUE(IsPlain(kEth / kIp4 / Udp{}, RTE_MBUF_F_RX_IP_CKSUM_BAD)) << "we know better";
}

// Cut, lengthened and with bits turned: nothing is plain that the rules refuse or read otherwise.
TEST_F(PlainInputTest, AgreesWithTheRulesAboutBrokenPackets) {
  const std::vector<Bytes> sound = {
      kEth / kIp4 / Tcp{} / Payload(10),  kEth / kIp4 / Udp{} / Payload(10),
      kEth / kIp4 / Icmp{} / Payload(10), kEth / kIp6 / Tcp{} / Payload(10),
      kEth / kIp6 / Udp{} / Payload(10),  kEth / kIp6 / Ext6{.kind = 60} / Udp{}};
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  unsigned plain = 0;
  for (unsigned n = 0; n < 20'000; ++n) {
    Bytes frame = sound[random() % sound.size()];
    const bool ipv4 = frame[12] == 0x08;
    if (random() % 4 == 0) frame.resize(1 + random() % (frame.size() + 20), 0);
    for (auto turns = random() % 3; turns > 0; --turns) {
      frame[random() % frame.size()] ^= static_cast<uint8_t>(1u << random() % 8);
    }
    if (ipv4 && frame.size() >= 34 && random() % 2 == 0) {  // or the checksum refuses nearly all
      frame[24] = frame[25] = 0;
      const uint16_t sum = test::InternetChecksum(Bytes(frame.begin() + 14, frame.begin() + 34));
      frame[24] = static_cast<uint8_t>(sum >> 8);
      frame[25] = static_cast<uint8_t>(sum);
    }
    plain += IsPlain(frame) ? 1 : 0;
    if (HasFailure()) FAIL() << "packet " << n;
  }
  EXPECT_GT(plain, 1000u);
}

}  // namespace
}  // namespace flyover::router
