#include "tools/flyoverd/path/tx_buffers.h"

#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

#include <memory>

namespace flyover {
namespace {

constexpr PortIndex kDevice{2};
constexpr PortIndex kRing{5};
constexpr SourceId kSource = PortSource(PortIndex(7));

class TxBuffersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static int instance = 0;
    const std::string name = "tx" + std::to_string(instance++);
    pool_ =
        rte_pktmbuf_pool_create(name.c_str(), 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    wire_ = rte_ring_create((name + "w").c_str(), 128, SOCKET_ID_ANY, 0);
    egress_ = rte_ring_create((name + "e").c_str(), 64, SOCKET_ID_ANY, 0);
    ASSERT_TRUE(pool_ != nullptr && wire_ != nullptr && egress_ != nullptr);
    const int id = rte_eth_from_rings(name.c_str(), &wire_, 1, &wire_, 1, 0);
    ASSERT_GE(id, 0);
    device_ = static_cast<uint16_t>(id);
    const rte_eth_conf conf{};
    ASSERT_EQ(rte_eth_dev_configure(device_, 1, 1, &conf), 0);
    ASSERT_EQ(rte_eth_rx_queue_setup(device_, 0, 64, 0, nullptr, pool_), 0);
    ASSERT_EQ(rte_eth_tx_queue_setup(device_, 0, 64, 0, nullptr), 0);
    ASSERT_EQ(rte_eth_dev_start(device_), 0);
    StageContext::Options options;
    options.pool = pool_;
    context_ = std::make_unique<StageContext>(options);
    buffers_.UseQueue(kDevice, {.dpdk_port = device_});
    buffers_.UseRing(kRing, egress_, owner_);
  }
  void TearDown() override {
    context_->FlushDrops();
    Empty(wire_);
    Empty(egress_);
    EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u) << "leak";
    rte_eth_dev_stop(device_);
    rte_eth_dev_close(device_);
    rte_ring_free(wire_);
    rte_ring_free(egress_);
    rte_mempool_free(pool_);
  }
  static unsigned Empty(rte_ring* ring) {
    unsigned n = 0;
    void* m = nullptr;
    for (; rte_ring_dequeue(ring, &m) == 0; ++n) rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
    return n;
  }
  void Add(PortIndex port, unsigned n) {
    for (unsigned i = 0; i < n; ++i) {
      rte_mbuf* const m = rte_pktmbuf_alloc(pool_);
      rte_pktmbuf_append(m, 60);
      SetSource(m, kSource);
      buffers_.Add(*context_, port, m);
    }
  }
  const SourceLedger& Books() { return context_->ledger()[kSource]; }
  uint64_t Dropped(DropReason reason) { return Books().drops[static_cast<size_t>(reason)]; }
  uint64_t Held() {
    HeldCounts counts{};
    buffers_.CountHeld(counts);
    return counts[kSource.value()];
  }

  rte_mempool* pool_ = nullptr;
  rte_ring* wire_ = nullptr;
  rte_ring* egress_ = nullptr;
  Wakeup owner_;
  uint16_t device_ = 0;
  std::unique_ptr<StageContext> context_;
  TxBuffers buffers_;
};

TEST_F(TxBuffersTest, GatherUntilFlushedOrFull) {
  Add(kDevice, 3);
  EXPECT_EQ(Held(), 3u);
  EXPECT_EQ(Books().tx, 0u);
  buffers_.FlushAll(*context_);
  EXPECT_EQ(Held(), 0u);
  EXPECT_EQ(Books().tx, 3u);
  Add(kDevice, kMaxBurst + 1);
  EXPECT_EQ(Held(), 1u) << "a full burst went at once";
  buffers_.FlushAll(*context_);
  EXPECT_EQ(Empty(wire_), 3 + kMaxBurst + 1);
  EXPECT_EQ(buffers_.packets(), 3u + kMaxBurst + 1);
}

TEST_F(TxBuffersTest, WhatTheDeviceRefusesIsDroppedByName) {
  Add(kDevice, 200);
  buffers_.FlushAll(*context_);
  EXPECT_EQ(Books().tx, 127u);
  EXPECT_EQ(Dropped(DropReason::kTxFull), 200u - 127);
  EXPECT_EQ(buffers_.packets(), 127u);
  EXPECT_EQ(Held(), 0u);
}

TEST_F(TxBuffersTest, HandsOverWithThePortOnThePacket) {
  Add(kRing, 10);
  EXPECT_EQ(Held(), 10u);
  buffers_.FlushAll(*context_);
  EXPECT_EQ(Books().handed_over, 10u);
  EXPECT_EQ(Books().tx, 0u) << "the owner counts it";
  void* object = nullptr;
  ASSERT_EQ(rte_ring_dequeue(egress_, &object), 0);
  auto* const m = static_cast<rte_mbuf*>(object);
  EXPECT_EQ(EgressOf(m), kRing);
  EXPECT_EQ(SourceOf(m), kSource);
  rte_pktmbuf_free(m);
}

TEST_F(TxBuffersTest, AFullRingIsAnotherDrop) {
  Add(kRing, 100);
  buffers_.FlushAll(*context_);
  EXPECT_EQ(Books().handed_over, 63u);
  EXPECT_EQ(Dropped(DropReason::kHandoffFull), 37u);
  EXPECT_EQ(Dropped(DropReason::kTxFull), 0u);
}

TEST_F(TxBuffersTest, PortsDoNotDisturbEachOther) {
  Add(kDevice, 200);
  Add(kRing, 5);
  buffers_.FlushAll(*context_);
  EXPECT_EQ(Books().handed_over, 5u);
}

}  // namespace
}  // namespace flyover
