// What waits too long, seen with a clock of the test's own.
#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <memory>

#include "common/testing/mbuf_factory.h"
#include "router/datapath/forward.h"

namespace flyover::router {
namespace {

constexpr uint64_t kHz = 1000;
constexpr PortIndex kPort{1};

class ResumeHeldTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pool_ = rte_pktmbuf_pool_create("resume", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    resolve_ = rte_ring_create_elem("resume", sizeof(ResolveRequest), 4, SOCKET_ID_ANY,
                                    RING_F_SP_ENQ | RING_F_SC_DEQ);
    ASSERT_TRUE(pool_ != nullptr && resolve_ != nullptr);
    StageContext::Options options;
    options.pool = pool_;
    options.tsc_hz = kHz;
    context_ = std::make_unique<StageContext>(options);
    ports_.Publish(std::make_unique<PortTable>(), qsbr_);
    router_.tables = &tables_;
    router_.ports = &ports_;
    router_.resolve_ring = resolve_;
    group_ =
        *tables_.groups.Create({.action = NexthopAction::kGlean, .port = kPort, .members = {}});
    ASSERT_TRUE(tables_.main().fib4.Add(*IpPrefix::Parse("10.2.0.0/24"), group_, qsbr_).ok());
  }
  void TearDown() override {
    context_->FlushDrops();
    EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u);
    rte_ring_free(resolve_);
    rte_mempool_free(pool_);
  }
  // One packet to an unknown host goes through the lookup stage at `now`.
  void Arrive(uint32_t host, uint64_t now) {
    context_->set_now(now);
    Burst burst;
    burst.size = 1;
    burst.pkt[0] = rte_pktmbuf_alloc(pool_);
    SetSource(burst.pkt[0], PortSource(PortIndex(0)));
    PacketMeta& meta = burst.meta[0];
    meta = {};
    StoreBe32(meta.lookup.data(), 0x0a020000 + host);
    IndexList in, forward;
    in.Add(0);
    Burst answers, inner;
    FibLookup(*context_, router_, burst, in, forward, inner, answers);
    EXPECT_EQ(forward.size, 0);
  }
  unsigned Resume(uint64_t now) {
    context_->set_now(now);
    unsigned cursor = 0;
    unsigned resumed = 0;
    Burst out;
    while (ResumeHeld(*context_, router_, cursor, out)) {
      resumed += out.size;
      for (uint16_t i = 0; i < out.size; ++i) rte_pktmbuf_free(out.pkt[i]);
    }
    EXPECT_EQ(out.size, 0);
    return resumed;
  }
  uint64_t Drops(DropReason reason) {
    return context_->ledger()[PortSource(PortIndex(0))].drops[static_cast<size_t>(reason)];
  }

  QsbrDomain qsbr_{2};
  ForwardingTables tables_{
      {.vrfs = {{.tbl8_groups = 16, .fib6_nodes = 64}}, .groups = 64, .adjacencies = 64}};
  Published<PortTable> ports_;
  RouterLcore router_;
  GroupId group_;
  rte_mempool* pool_ = nullptr;
  rte_ring* resolve_ = nullptr;
  std::unique_ptr<StageContext> context_;
};

TEST_F(ResumeHeldTest, DropsByNameWhatWaitedTooLong) {
  Arrive(1, 0);
  Arrive(1, 10);
  Arrive(2, 3 * kHz);
  EXPECT_EQ(Resume(4 * kHz), 0u);
  EXPECT_EQ(Drops(DropReason::kHoldExpired), 0u);
  EXPECT_EQ(Resume(4 * kHz + 1), 0u);
  EXPECT_EQ(Drops(DropReason::kHoldExpired), 2u) << "the younger target waits on";
  EXPECT_EQ(Resume(7 * kHz + 1), 0u);
  EXPECT_EQ(Drops(DropReason::kHoldExpired), 3u);
  EXPECT_TRUE(router_.hold.empty());
}

TEST_F(ResumeHeldTest, OneSweepDropsAllThatWaitedTooLong) {
  for (uint32_t host = 1; host <= 20; ++host) Arrive(host, 0);
  EXPECT_EQ(Resume(5 * kHz), 0u);
  EXPECT_EQ(Drops(DropReason::kHoldExpired), 20u);
  EXPECT_TRUE(router_.hold.empty());
}

TEST_F(ResumeHeldTest, LetsAllGoOnThatNoLongerWait) {
  Arrive(1, 0);
  Arrive(1, 0);
  Arrive(2, 0);
  tables_.groups.Update(
      group_, {.action = NexthopAction::kBlackhole, .port = kNoPort, .members = {}}, qsbr_);
  EXPECT_EQ(Resume(1), 3u);
  EXPECT_TRUE(router_.hold.empty());
}

TEST_F(ResumeHeldTest, AFullRequestRingIsCountedAndAskedAgain) {
  for (uint32_t host = 1; host <= 5; ++host) Arrive(host, 0);
  EXPECT_EQ(router_.resolve_requests_lost, 2u) << "the ring holds 3";
  ResolveRequest request;
  while (rte_ring_sc_dequeue_elem(resolve_, &request, sizeof(request)) == 0) {
    EXPECT_EQ(request.port, kPort);
  }
  Arrive(5, kHz);
  ASSERT_EQ(rte_ring_sc_dequeue_elem(resolve_, &request, sizeof(request)), 0);
  EXPECT_EQ(request.address, IpAddress(Ipv4Address{0x0a020005}));
  EXPECT_EQ(Resume(100 * kHz), 0u);
}

}  // namespace
}  // namespace flyover::router
