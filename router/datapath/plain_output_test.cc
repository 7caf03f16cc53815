// A packet that plain_output takes must leave as it would leave stages 10 and 11; of those that it
// does not take nothing may be touched.
#include "router/datapath/plain_output.h"

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <memory>
#include <random>

#include "common/net/headers.h"
#include "common/testing/mbuf_factory.h"
#include "router/datapath/forward.h"

namespace flyover::router {
namespace {

using test::Bytes;

constexpr PortIndex kUp{1}, kDown{2};

class PlainOutputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pool_ =
        rte_pktmbuf_pool_create("plainout", 511, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    resolve_ = rte_ring_create_elem("plainout", sizeof(ResolveRequest), 1024, SOCKET_ID_ANY,
                                    RING_F_SP_ENQ | RING_F_SC_DEQ);
    ASSERT_TRUE(pool_ != nullptr && resolve_ != nullptr);
    StageContext::Options options;
    options.pool = pool_;
    options.tsc_hz = 1'000'000'000;
    context_ = std::make_unique<StageContext>(options);
    factory_ = std::make_unique<test::MbufFactory>(pool_);
    auto ports = std::make_unique<PortTable>();
    for (const PortIndex port : {kUp, kDown}) ports->ports[port.value()].present = true;
    ports->ports[kUp.value()].up = true;
    ports_.Publish(std::move(ports), qsbr_);
    router_.tables = &tables_;
    router_.ports = &ports_;
    router_.resolve_ring = resolve_;
    for (const AdjacencyState state :
         {AdjacencyState::kResolved, AdjacencyState::kUnresolved, AdjacencyState::kFailed}) {
      for (const PortIndex port : {kUp, kDown}) {
        for (const uint16_t mtu : {uint16_t{100}, uint16_t{1500}}) {
          adjacencies_.push_back(*tables_.adjacencies.Create(
              {.dst_src_mac = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1},
               .state = state,
               .port = port,
               .mtu = mtu,
               .nexthop = *IpAddress::Parse("10.2.0.9"),
               .counter = static_cast<uint32_t>(1 + adjacencies_.size())}));
        }
      }
    }
  }
  void TearDown() override {
    context_->FlushDrops();
    factory_.reset();
    rte_ring_free(resolve_);
    rte_mempool_free(pool_);
  }

  // An IP packet of `length` bytes behind an Ethernet header, and what may be known of it.
  struct Packet {
    Bytes bytes;
    PacketMeta meta{};
  };
  Packet Random(std::mt19937_64& random) {
    const auto coin = [&] { return random() % 2 == 0; };
    Packet packet;
    PacketMeta& meta = packet.meta;
    const bool v6 = coin();
    const auto length = static_cast<uint16_t>(random() % 4 == 0 ? 99 + random() % 3 : 80);
    packet.bytes.resize(14u + length);
    for (uint8_t& byte : packet.bytes) byte = static_cast<uint8_t>(random());
    uint8_t* const ip = packet.bytes.data() + 14;
    ip[0] = v6 ? 0x60 : 0x45;
    ip[v6 ? 7 : 8] = static_cast<uint8_t>(random() % 3 == 0 ? random() % 3 : 64);
    meta.l3_offset = 14;
    meta.l3_length = length;
    meta.l4_offset = v6 ? 54 : 34;
    meta.protocol = kProtoUdp;
    meta.lookup_v6 = v6;
    meta.flags = v6 ? kIpv6 : 0;
    meta.adjacency = adjacencies_[random() % adjacencies_.size()].value();
    meta.source = PortSource(kUp);
    meta.in_port = kUp;
    switch (random() % 6) {
      case 0:  // a backend behind a tunnel
        meta.flags |= kOriginated;
        meta.overhead = v6 ? 40 : 20;
        ip[meta.overhead] = coin() ? 0x60 : 0x45;
        ip[meta.overhead + 7] = ip[meta.overhead + 8] = static_cast<uint8_t>(random() % 2 * 64);
        if (coin()) meta.path_mtu = static_cast<uint16_t>(90 + random() % 20);
        if (coin()) meta.flags |= kMayCut;
        break;
      case 1:  // a backend on the link, which may not be the next hop
        meta.flags |= kOriginated | kOnLinkOnly;
        meta.lookup_v6 = false;
        StoreBe32(meta.lookup.data(), coin() ? 0x0a020009 : 0x0a020008);
        break;
      case 2:  // our own answer
        meta.flags |= kOriginated | kIcmpError;
        break;
      case 3:  // has waited for its neighbour
        meta.flags |= kTtlDone;
        break;
      default:  // in transit
        break;
    }
    return packet;
  }

  void Put(const Packet& packet) {
    burst_.size = 1;
    burst_.pkt[0] = factory_->Make(packet.bytes, {test::Layout::kExternal, 0});
    SetSource(burst_.pkt[0], packet.meta.source);
    burst_.meta[0] = packet.meta;
  }

  QsbrDomain qsbr_{2};
  ForwardingTables tables_{
      {.vrfs = {{.tbl8_groups = 16, .fib6_nodes = 64}}, .groups = 64, .adjacencies = 64}};
  Published<PortTable> ports_;
  RouterLcore router_;
  std::vector<AdjacencyId> adjacencies_;
  rte_mempool* pool_ = nullptr;
  rte_ring* resolve_ = nullptr;
  std::unique_ptr<StageContext> context_;
  std::unique_ptr<test::MbufFactory> factory_;
  Burst burst_;
};

TEST_F(PlainOutputTest, AsTheRulesOneByOne) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  IndexList all;
  all.Add(0);
  unsigned plain = 0, others_of_rules = 0;
  for (unsigned round = 0; round < 20'000; ++round) {
    const Packet packet = Random(random);
    Put(packet);
    IndexList ready, others;
    std::array<PortIndex, kMaxBurst> egress{};
    PlainOutput(router_, *ports_.Load(), burst_, all, ready, egress, others);
    ASSERT_EQ(ready.size + others.size, 1);
    const Bytes bytes = test::BytesOf(burst_.pkt[0]);
    rte_pktmbuf_free(burst_.pkt[0]);
    if (others.size == 1) {
      ASSERT_EQ(bytes, packet.bytes) << "touched";
    }
    Put(packet);
    IndexList fits, too_long, ruled;
    std::array<PortIndex, kMaxBurst> ruled_egress{};
    Burst answers;
    TtlMtu(*context_, router_, burst_, all, fits, too_long, answers);
    AdjacencyRewrite(*context_, router_, burst_, fits, ruled, ruled_egress, answers);
    for (uint16_t i = 0; i < answers.size; ++i) rte_pktmbuf_free(answers.pkt[i]);
    if (ready.size == 1) {
      ++plain;
      ASSERT_EQ(ruled.size, 1) << "the rules refuse it";
      ASSERT_EQ(bytes, test::BytesOf(burst_.pkt[0]));
      ASSERT_EQ(egress[0], ruled_egress[0]);
    } else {
      others_of_rules += ruled.size;  // a few that it leaves to the rules pass them
    }
    for (const uint8_t i : ruled) rte_pktmbuf_free(burst_.pkt[i]);
    for (const uint8_t i : too_long) rte_pktmbuf_free(burst_.pkt[i]);
    context_->FlushDrops();
    Burst held;
    for (unsigned target = 0; target < HoldTable::kMaxTargets; ++target) {
      if (router_.hold.Front(target) == nullptr) continue;
      router_.hold.Release(target, held);
      for (uint16_t i = 0; i < held.size; ++i) rte_pktmbuf_free(held.pkt[i]);
    }
  }
  EXPECT_GT(plain, 500u);
  EXPECT_GT(others_of_rules, 100u);
}

}  // namespace
}  // namespace flyover::router
