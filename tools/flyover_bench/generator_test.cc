// Devices that are a loop over two rings: what they do with packets is known. Nothing here is
// timed.
#include "tools/flyover_bench/generator.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

namespace flyover {
namespace {

class GeneratorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    to_ = rte_ring_create("generator_to", 64, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    from_ = rte_ring_create("generator_from", 32'768, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    ASSERT_TRUE(to_ != nullptr && from_ != nullptr);
    auto generator = Generator::Create(to_, from_);
    ASSERT_TRUE(generator.ok()) << generator.status().message();
    generator_ = std::move(*generator);
    const Load& load = *FindLoad("router-64");
    std::mt19937_64 random(1);
    traffic_ = std::make_unique<Traffic>(load, BenchPrefixes(false, load.routes, random), 1);
  }
  void TearDown() override {
    StopDevice();
    for (rte_ring* const ring : {to_, from_}) {
      void* m = nullptr;
      while (rte_ring_sc_dequeue(ring, &m) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
    }
    generator_.reset();
    rte_ring_free(to_);
    rte_ring_free(from_);
  }

  // Forwards everything but each `nth` packet; 0: loses none.
  void StartDevice(unsigned nth = 0) {
    device_ = std::thread([this, nth] {
      unsigned count = 0;
      while (!stop_) {
        void* m = nullptr;
        if (rte_ring_sc_dequeue(to_, &m) != 0) {
          std::this_thread::yield();
        } else if (nth != 0 && ++count % nth == 0) {
          rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
        } else {
          rte_ring_sp_enqueue(from_, m);
        }
      }
    });
  }
  void StopDevice() {
    stop_ = true;
    if (device_.joinable()) device_.join();
  }

  rte_ring *to_ = nullptr, *from_ = nullptr;
  std::unique_ptr<Generator> generator_;
  std::unique_ptr<Traffic> traffic_;
  std::thread device_;
  std::atomic<bool> stop_{false};
};

TEST_F(GeneratorTest, EveryPacketIsBackOrLost) {
  StartDevice();
  const auto run = generator_->Burst(*traffic_, 5000);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->sent, 5000u);
  EXPECT_EQ(run->received + run->lost, 5000u);
  EXPECT_EQ(run->latency.total(), run->received);
}

TEST_F(GeneratorTest, WhatTheDeviceKeepsIsLost) {
  StartDevice(10);
  const auto run = generator_->Burst(*traffic_, 5000);
  ASSERT_TRUE(run.ok());
  // Beside a tenth, what found no room or was not back in time.
  EXPECT_GE(run->lost, 500u);
  EXPECT_EQ(run->received + run->lost, 5000u);
  EXPECT_NE(run->last_loss, 0u);
}

TEST_F(GeneratorTest, ADeviceThatStandsStillTakesWhatItsRingHolds) {
  const auto run = generator_->Burst(*traffic_, 1000);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->received, 0u);
  EXPECT_EQ(run->lost, 1000u);
  EXPECT_EQ(rte_ring_count(to_), 63u);
}

TEST_F(GeneratorTest, ARateThatItCannotReachIsSaid) {
  StartDevice();
  const auto run = generator_->Run(*traffic_, 1e12, 100'000);
  EXPECT_EQ(run.status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(run.status().message(), "the generator is slower than 1000000000000 packets a second");
}

}  // namespace
}  // namespace flyover
