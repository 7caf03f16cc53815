#include "common/datapath/stage_context.h"

#include <gtest/gtest.h>

#include <memory>

#include "common/testing/mbuf_factory.h"

namespace flyover {
namespace {

constexpr uint64_t kHz = 1'000'000;
constexpr SourceId kSource = PortSource(PortIndex(3));

class StageContextTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pool_ =
        rte_pktmbuf_pool_create("context", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ring_ = rte_ring_create("context", 64, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    ASSERT_TRUE(pool_ != nullptr && ring_ != nullptr);
    StageContext::Options options;
    options.pool = pool_;
    options.punt_ring = ring_;
    options.tsc_hz = kHz;
    options.punt_rate = {100, 1000, 10, 0};
    context_ = std::make_unique<StageContext>(options);
  }
  void TearDown() override {
    context_->FlushDrops();
    void* m = nullptr;
    while (rte_ring_dequeue(ring_, &m) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
    EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u) << "leak";
    context_.reset();
    rte_ring_free(ring_);
    rte_mempool_free(pool_);
  }
  rte_mbuf* NewPacket() {
    rte_mbuf* const m = rte_pktmbuf_alloc(pool_);
    rte_pktmbuf_append(m, 60);
    SetSource(m, kSource);
    return m;
  }
  uint64_t Dropped(DropReason reason) {
    return context_->ledger()[kSource].drops[static_cast<size_t>(reason)];
  }
  unsigned PuntAll(PuntReason reason, unsigned n) {
    const uint64_t before = context_->ledger()[kSource].handed_over;
    for (unsigned i = 0; i < n; ++i) {
      context_->Punt(NewPacket(), reason);
      void* m = nullptr;
      if (rte_ring_dequeue(ring_, &m) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
    }
    return static_cast<unsigned>(context_->ledger()[kSource].handed_over - before);
  }

  rte_mempool* pool_ = nullptr;
  rte_ring* ring_ = nullptr;
  std::unique_ptr<StageContext> context_;
};

TEST_F(StageContextTest, DropsAreCountedByReasonAndFreedInBulk) {
  for (int i = 0; i < 200; ++i) context_->Drop(NewPacket(), DropReason::kNoRoute);
  context_->Drop(NewPacket(), DropReason::kTtlExpired);
  EXPECT_EQ(Dropped(DropReason::kNoRoute), 200u);
  EXPECT_EQ(Dropped(DropReason::kTtlExpired), 1u);
  EXPECT_LE(rte_mempool_in_use_count(pool_), kMaxBurst);
  context_->FlushDrops();
  EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u);
}

TEST_F(StageContextTest, EachPuntClassHasItsOwnRate) {
  context_->set_now(kHz);
  EXPECT_EQ(PuntAll(PuntReason::kArp, 50), 10u) << "a tenth of a second at once";
  EXPECT_EQ(Dropped(DropReason::kPuntPoliced), 40u);
  EXPECT_EQ(PuntAll(PuntReason::kRoutingProtocol, 50), 50u) << "a flood of ARP drowns no BGP";
  EXPECT_EQ(PuntAll(PuntReason::kSsh, 5), 1u);
  EXPECT_EQ(PuntAll(PuntReason::kLocal, 5), 0u) << "rate 0";
  // Classes, not reasons, have the rate.
  EXPECT_EQ(PuntAll(PuntReason::kNeighborDiscovery, 5), 0u);
  context_->set_now(kHz + kHz / 100);
  EXPECT_EQ(PuntAll(PuntReason::kNeighborDiscovery, 5), 1u);
  EXPECT_EQ(context_->punts()[static_cast<size_t>(PuntReason::kArp)], 10u);
  EXPECT_EQ(context_->punts()[static_cast<size_t>(PuntReason::kNeighborDiscovery)], 1u);
  EXPECT_EQ(context_->policed()[static_cast<size_t>(PuntClass::kLink)], 40u + 5 + 4);
  EXPECT_EQ(context_->policed()[static_cast<size_t>(PuntClass::kRouting)], 0u);
}

TEST_F(StageContextTest, AFullPuntRingIsADropOfItsOwn) {
  context_->set_now(kHz);
  unsigned rounds = 0;
  for (; rte_ring_free_count(ring_) > 0; ++rounds) {
    context_->set_now(kHz + rounds * kHz);
    context_->Punt(NewPacket(), PuntReason::kRoutingProtocol);
  }
  EXPECT_EQ(rounds, rte_ring_get_capacity(ring_));
  context_->Punt(NewPacket(), PuntReason::kRoutingProtocol);
  EXPECT_EQ(Dropped(DropReason::kPuntRingFull), 1u);
  EXPECT_EQ(context_->ledger()[kSource].handed_over, rounds);
  EXPECT_EQ(context_->punts()[static_cast<size_t>(PuntReason::kRoutingProtocol)], rounds);
}

TEST_F(StageContextTest, WhatIsMadeHereIsCountedWhenThereIsMemory) {
  rte_mbuf* const made = context_->Generate();
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(SourceOf(made), kGeneratedSource);
  EXPECT_EQ(context_->ledger()[kGeneratedSource].entered, 1u);
  test::MbufFactory factory(pool_);
  const test::Bytes bytes = test::Payload(3000).bytes;
  rte_mbuf* const original = factory.Make(bytes, {test::Layout::kPlain, 40});
  SetSource(original, kSource);
  rte_mbuf* const copy = context_->Copy(original);
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(test::BytesOf(copy), bytes);
  EXPECT_EQ(SourceOf(copy), kSource);
  EXPECT_EQ(context_->ledger()[kSource].copies, 1u);
  rte_pktmbuf_free(copy);

  std::vector<rte_mbuf*> all;
  while (rte_mbuf* const taken = rte_pktmbuf_alloc(pool_)) all.push_back(taken);
  EXPECT_EQ(context_->Generate(), nullptr);
  EXPECT_EQ(context_->Copy(original), nullptr);
  EXPECT_EQ(context_->ledger()[kGeneratedSource].entered, 1u);
  EXPECT_EQ(context_->ledger()[kSource].copies, 1u);
  for (rte_mbuf* const taken : all) rte_pktmbuf_free(taken);
  rte_pktmbuf_free(original);
  rte_pktmbuf_free(made);
}

}  // namespace
}  // namespace flyover
