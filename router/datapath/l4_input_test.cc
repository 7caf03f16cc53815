#include "router/datapath/l4_input.h"

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include "common/datapath/stage_context.h"
#include "common/testing/mbuf_factory.h"
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
using test::Packet;
using test::Payload;
using test::Raw;
using test::Tcp;
using test::Udp;

class IpInputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pool_ = rte_pktmbuf_pool_create("l4", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ring_ = rte_ring_create("l4", 64, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    StageContext::Options options;
    options.pool = pool_;
    options.punt_ring = ring_;
    options.punt_rate.fill(1'000'000);
    options.tsc_hz = 1'000'000'000;
    context_ = std::make_unique<StageContext>(options);
    factory_ = std::make_unique<test::MbufFactory>(pool_);
  }
  void TearDown() override {
    factory_.reset();
    rte_ring_free(ring_);
    rte_mempool_free(pool_);
  }
  // The packet as the input stages leave it. The mbuf lives until the next call.
  const PacketMeta& Read(const Bytes& frame, bool expect_valid = true) {
    rte_pktmbuf_free(m_);
    m_ = factory_->Make(frame, {test::Layout::kExternal, 0});
    burst_.size = 1;
    burst_.pkt[0] = m_;
    burst_.meta[0] = {};
    burst_.meta[0].l3_offset = 14;
    IndexList in, valid;
    in.Add(0);
    if (frame[12] == 0x08) {
      Ipv4Input(*context_, key_, burst_, in, valid);
    } else {
      Ipv6Input(*context_, key_, burst_, in, valid);
    }
    EXPECT_EQ(valid.size, expect_valid ? 1 : 0);
    if (valid.size == 0) m_ = nullptr;
    return burst_.meta[0];
  }
  uint64_t Hash(const Bytes& frame) { return Read(frame).flow_hash; }
  uint64_t SymmetricHash(const Bytes& frame) {
    const PacketMeta& meta = Read(frame);
    return SymmetricFlowHash(key_, m_, meta);
  }
  PuntReason Local(const Bytes& frame) {
    const PacketMeta& meta = Read(frame);
    return ClassifyLocal(m_, meta);
  }

  HashKey key_ = KeyFromSeed(5, 1);
  rte_mempool* pool_ = nullptr;
  rte_ring* ring_ = nullptr;
  rte_mbuf* m_ = nullptr;
  Burst burst_;
  std::unique_ptr<StageContext> context_;
  std::unique_ptr<test::MbufFactory> factory_;
};

const Ip4 kIp4{.src = "10.1.0.2", .dst = "10.9.0.1"};
const Ip6 kIp6{.src = "2001:db8:1::2", .dst = "2001:db8:9::1"};

TEST_F(IpInputTest, FillsOffsetsAndProtocol) {
  const PacketMeta v4 = Read(
      Eth{} / Ip4{.src = "10.1.0.2", .dst = "10.9.0.1", .options = {7, 3, 4}} / Tcp{} / Payload(9));
  EXPECT_EQ(v4.protocol, 6);
  EXPECT_EQ(v4.l4_offset, 14 + 24);
  EXPECT_EQ(v4.l3_length, 24 + 20 + 9);
  EXPECT_EQ(v4.flags, kL4Valid | kIpOptions);
  EXPECT_FALSE(v4.lookup_v6);
  EXPECT_EQ(LoadBe32(v4.lookup.data()), 0x0a090001u);

  const PacketMeta v6 =
      Read(Eth{} / kIp6 / Ext6{.kind = 0} / Ext6{.kind = 60} / Udp{} / Payload(9));
  EXPECT_EQ(v6.protocol, 17);
  EXPECT_EQ(v6.l4_offset, 14 + 40 + 16);
  EXPECT_EQ(v6.l3_length, 40 + 16 + 17);
  EXPECT_EQ(v6.flags, kIpv6 | kL4Valid | kIpOptions);
  EXPECT_TRUE(v6.lookup_v6);
}

TEST_F(IpInputTest, FindsL4BehindEightHeadersAndNoMore) {
  for (unsigned n = 0; n <= 10; ++n) {
    Packet packet = Eth{} / kIp6;
    for (unsigned i = 0; i < n; ++i) packet.Append(Ext6{.kind = 60});
    packet.Append(Udp{});
    const PacketMeta& meta = Read(packet);
    EXPECT_EQ((meta.flags & kL4Valid) != 0, n <= 8) << n;
    EXPECT_EQ(meta.protocol, n <= 8 ? 17 : 60) << n;
  }
}

TEST_F(IpInputTest, KnowsFragments) {
  const auto flags = [&](const Bytes& frame) {
    return Read(frame).flags & (kFragment | kLaterFragment | kL4Valid);
  };
  Ip4 ip = kIp4;
  EXPECT_EQ(flags(Eth{} / ip / Udp{}), kL4Valid);
  ip.mf = true;
  EXPECT_EQ(flags(Eth{} / ip / Udp{}), kFragment | kL4Valid);
  ip.frag = 3;
  EXPECT_EQ(flags(Eth{} / ip / Udp{}), kFragment | kLaterFragment);
  ip.mf = false;
  EXPECT_EQ(flags(Eth{} / ip / Udp{}), kFragment | kLaterFragment);
  EXPECT_EQ(flags(Eth{} / kIp6 / Frag6{} / Udp{}), kL4Valid) << "RFC 6946";
  EXPECT_EQ(flags(Eth{} / kIp6 / Frag6{.more = true} / Udp{}), kFragment | kL4Valid);
  EXPECT_EQ(flags(Eth{} / kIp6 / Frag6{.offset = 1} / Udp{}), kFragment | kLaterFragment);
}

// The very definition that the balancer relies on.
TEST_F(IpInputTest, FlowHashIsOfThePortsAsTheyLie) {
  const auto ports = LoadUnaligned<uint32_t>(std::array<uint8_t, 4>{0x9c, 0x40, 0x00, 0x50}.data());
  const Tcp tcp{.sport = 40000, .dport = 80};
  EXPECT_EQ(Hash(Eth{} / kIp4 / tcp), HashIpv4Flow(key_, 0x0a010002, 0x0a090001, ports, 6));
  const Bytes addresses = test::Join(test::AddressBytes(kIp6.src), test::AddressBytes(kIp6.dst));
  EXPECT_EQ(Hash(Eth{} / kIp6 / tcp), HashIpv6Flow(key_, addresses.data(), ports, 6));
  Ip4 fragment = kIp4;
  fragment.mf = true;
  EXPECT_EQ(Hash(Eth{} / fragment / tcp), HashIpv4Flow(key_, 0x0a010002, 0x0a090001, 0, 6));
  EXPECT_EQ(Hash(Eth{} / kIp4 / Icmp{.rest = 99}),
            HashIpv4Flow(key_, 0x0a010002, 0x0a090001, 0, 1));
  Ip4 short_tcp = kIp4;
  short_tcp.proto = 6;
  EXPECT_EQ(Hash(Eth{} / short_tcp / Payload(19)),
            HashIpv4Flow(key_, 0x0a010002, 0x0a090001, 0, 6));
}

TEST_F(IpInputTest, SymmetricHashIsTheSameBothWays) {
  const auto both = [&](const Bytes& there, const Bytes& back) {
    EXPECT_EQ(SymmetricHash(there), SymmetricHash(back));
    return SymmetricHash(there);
  };
  const Ip4 back4{.src = kIp4.dst, .dst = kIp4.src};
  const Ip6 back6{.src = kIp6.dst, .dst = kIp6.src};
  const uint64_t a =
      both(Eth{} / kIp4 / Tcp{.sport = 1, .dport = 2}, Eth{} / back4 / Tcp{.sport = 2, .dport = 1});
  const uint64_t b =
      both(Eth{} / kIp4 / Tcp{.sport = 2, .dport = 1}, Eth{} / back4 / Tcp{.sport = 1, .dport = 2});
  EXPECT_NE(a, b) << "another flow";
  both(Eth{} / kIp6 / Udp{.sport = 1, .dport = 2}, Eth{} / back6 / Udp{.sport = 2, .dport = 1});
  both(Eth{} / kIp4 / Icmp{}, Eth{} / back4 / Icmp{.type = 0});
  const Ip4 self{.src = "10.1.0.2", .dst = "10.1.0.2"};
  both(Eth{} / self / Tcp{.sport = 1, .dport = 2}, Eth{} / self / Tcp{.sport = 2, .dport = 1});
  const Ip6 self6{.src = "2001:db8::1", .dst = "2001:db8::1"};
  both(Eth{} / self6 / Tcp{.sport = 1, .dport = 2}, Eth{} / self6 / Tcp{.sport = 2, .dport = 1});
}

TEST_F(IpInputTest, KnowsIcmpErrorsOfBothFamilies) {
  for (unsigned type = 0; type < 256; ++type) {
    const auto t = static_cast<uint8_t>(type);
    const bool v4 = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    EXPECT_EQ((Read(Eth{} / kIp4 / Icmp{.type = t} / Payload(28)).flags & kIcmpError) != 0, v4)
        << type;
    const bool v6 = type < 128 || type == 137;
    EXPECT_EQ(
        (Read(Eth{} / kIp6 / Icmp{.type = t, .v6 = true} / Payload(28)).flags & kIcmpError) != 0,
        v6)
        << type;
  }
  Ip4 cut = kIp4;
  cut.proto = 1;
  EXPECT_NE(Read(Eth{} / cut / Raw{{8, 0, 1}}).flags & kIcmpError, 0) << "cannot be read";
  // ICMPv6 over IPv4 is just a protocol.
  cut.proto = 58;
  EXPECT_EQ(Read(Eth{} / cut / Payload(8)).flags & (kIcmpError | kL4Valid), 0);
}

TEST_F(IpInputTest, ClassifiesWhatTheKernelWants) {
  const auto v4 = [&](const Packet& l4) { return Local(Eth{} / kIp4 / l4); };
  EXPECT_EQ(v4(Tcp{.dport = 22}), PuntReason::kSsh);
  EXPECT_EQ(v4(Tcp{.sport = 22}), PuntReason::kSsh);
  EXPECT_EQ(v4(Tcp{.dport = 179}), PuntReason::kRoutingProtocol);
  EXPECT_EQ(v4(Tcp{.sport = 179, .dport = 9999}), PuntReason::kRoutingProtocol);
  EXPECT_EQ(v4(Tcp{.dport = 23}), PuntReason::kLocal);
  EXPECT_EQ(v4(Udp{.dport = 22}), PuntReason::kLocal);
  for (const uint16_t port : std::initializer_list<uint16_t>{3784, 3785, 4784, 520, 521, 646}) {
    EXPECT_EQ(v4(Udp{.dport = port}), PuntReason::kRoutingProtocol) << port;
  }
  EXPECT_EQ(v4(Udp{.sport = 68, .dport = 67}), PuntReason::kDhcp);
  EXPECT_EQ(v4(Icmp{}), PuntReason::kLocal);
  Ip4 other = kIp4;
  for (const uint8_t protocol : std::initializer_list<uint8_t>{89, 103, 112}) {
    other.proto = protocol;
    EXPECT_EQ(Local(Eth{} / other / Payload(30)), PuntReason::kRoutingProtocol) << +protocol;
  }
  for (unsigned type = 128; type < 145; ++type) {
    EXPECT_EQ(Local(Eth{} / kIp6 / Icmp{.type = static_cast<uint8_t>(type), .v6 = true}),
              type >= 133 && type <= 137 ? PuntReason::kNeighborDiscovery : PuntReason::kLocal)
        << type;
  }
  // Without a readable port nothing is guessed.
  other.proto = 6;
  EXPECT_EQ(Local(Eth{} / other / Raw{{0, 22, 0, 22}}), PuntReason::kLocal);
}

}  // namespace
}  // namespace flyover::router
