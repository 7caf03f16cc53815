#include "lb/datapath/handshake_watch.h"

#include <gtest/gtest.h>

#include "common/net/headers.h"

namespace flyover::lb {
namespace {

constexpr uint64_t kHz = 2'000'000'000;
constexpr uint64_t kMs = kHz / 1000;
constexpr BackendId kOne{1};
constexpr BackendId kTwo{2};
constexpr uint64_t kFlow = 17ull << 43;
constexpr uint64_t kSameSlot = kFlow + 1;

class HandshakeWatchTest : public testing::Test {
 protected:
  void Syn(uint64_t flow, BackendId backend, uint64_t ms) {
    watch_.See(flow, kTcpSyn, backend, ms * kMs);
  }
  void Ack(uint64_t flow, uint64_t ms, BackendId backend = kOne) {
    watch_.See(flow, kTcpAck, backend, ms * kMs);
  }
  void Rst(uint64_t flow, uint64_t ms) { watch_.See(flow, kTcpRst, kOne, ms * kMs); }
  void SweepAll(uint64_t ms) {
    for (unsigned i = 0; i < HandshakeWatch::kSlots; ++i) watch_.Sweep(ms * kMs);
  }
  HandshakeTotals Of(BackendId backend) const { return counters_.handshakes(backend).Load(); }

  LbCounters counters_;
  HandshakeWatch watch_{kHz, counters_};
};

TEST_F(HandshakeWatchTest, AnswerIsCountedOnceByItsTime) {
  Syn(kFlow, kOne, 1000);
  Ack(kFlow, 1007);
  Ack(kFlow, 1500);
  EXPECT_EQ(Of(kOne).answered(), 1u);
  EXPECT_EQ(Of(kOne).answers[AnswerBucket(7'000)], 1u);
  EXPECT_EQ(Of(kOne).Percentile(0.5), 10'000u);
  SweepAll(60'000);
  EXPECT_EQ(Of(kOne).unanswered, 0u);
}

TEST_F(HandshakeWatchTest, BucketsEndAtTheirBounds) {
  EXPECT_EQ(AnswerBucket(0), 0u);
  for (size_t i = 0; i < kAnswerBounds.size(); ++i) {
    EXPECT_EQ(AnswerBucket(kAnswerBounds[i]), i);
    EXPECT_EQ(AnswerBucket(kAnswerBounds[i] + 1), i + 1);
  }
  EXPECT_EQ(HandshakeTotals{}.Percentile(0.5), 0u);
}

TEST_F(HandshakeWatchTest, SynsAgainAreRepeatsUntilTheAnswer) {
  Syn(kFlow, kOne, 0);
  Syn(kFlow, kOne, 1000);
  Syn(kFlow, kTwo, 3000);  // the table has changed meanwhile: the first backend was silent
  EXPECT_EQ(Of(kOne).repeated, 2u);
  EXPECT_EQ(Of(kTwo), HandshakeTotals{});
  Ack(kFlow, 3001);
  EXPECT_EQ(Of(kOne).answered(), 1u);
  Syn(kFlow, kTwo, 3100);  // the port is used again
  EXPECT_EQ(Of(kOne).repeated, 2u);
  Ack(kFlow, 3101);
  EXPECT_EQ(Of(kTwo).answered(), 1u);
}

TEST_F(HandshakeWatchTest, SilenceIsCountedWhenItHasLasted) {
  Syn(kFlow, kOne, 0);
  SweepAll(3999);
  EXPECT_EQ(Of(kOne).unanswered, 0u);
  SweepAll(4000);
  EXPECT_EQ(Of(kOne).unanswered, 1u);
  SweepAll(9000);
  EXPECT_EQ(Of(kOne).unanswered, 1u);
  Ack(kFlow, 9001);  // too late
  EXPECT_EQ(Of(kOne).answered(), 0u);
}

TEST_F(HandshakeWatchTest, EarlyResetsAreThoseBeforeTheAnswerOrSoonAfterTheSyn) {
  Syn(kFlow, kOne, 0);
  Rst(kFlow, 100);
  EXPECT_EQ(Of(kOne).reset, 1u);
  Syn(kFlow, kOne, 200);
  Ack(kFlow, 201);
  Rst(kFlow, 900);
  EXPECT_EQ(Of(kOne).reset, 2u);
  Syn(kFlow, kOne, 2000);
  Ack(kFlow, 2001);
  Rst(kFlow, 3000);
  EXPECT_EQ(Of(kOne).reset, 2u);
}

TEST_F(HandshakeWatchTest, AYoungSlotIsNotTakenFromItsFlow) {
  Syn(kFlow, kOne, 0);
  Syn(kSameSlot, kTwo, 1);
  Ack(kSameSlot, 2, kTwo);  // not watched
  EXPECT_EQ(Of(kTwo), HandshakeTotals{});
  Ack(kFlow, 5);
  EXPECT_EQ(Of(kOne).answered(), 1u);
  Syn(kSameSlot, kTwo, 6);  // what was answered gives its place
  Ack(kSameSlot, 7, kTwo);
  EXPECT_EQ(Of(kTwo).answered(), 1u);
}

TEST_F(HandshakeWatchTest, PacketsOfUnknownFlowsCountNowhere) {
  Ack(kFlow, 1);
  Rst(kFlow, 2);
  watch_.See(kFlow, kTcpSyn | kTcpAck, kOne, 3 * kMs);
  watch_.See(0, kTcpAck, kOne, 3 * kMs);  // the hash of an empty slot
  EXPECT_EQ(Of(kOne), HandshakeTotals{});
}

TEST_F(HandshakeWatchTest, TheClockMayWrap) {
  const uint64_t wrap = (1ull << 32) / 1000;  // ms
  Syn(kFlow, kOne, wrap - 1);
  Ack(kFlow, wrap + 3);
  EXPECT_EQ(Of(kOne).answers[AnswerBucket(4'000)], 1u);
}

// A million forged SYNs: nothing but counters moves, and a real client that had its slot before
// keeps it.
TEST_F(HandshakeWatchTest, FloodLeavesNothingBehind) {
  Syn(kFlow, kOne, 0);
  for (uint64_t i = 0; i < 1'000'000; ++i)
    Syn((i * 0x9e3779b97f4a7c15ull) & ~(7ull << 40), kTwo, 1);
  Ack(kFlow, 20);
  EXPECT_EQ(Of(kOne).answered(), 1u);
  SweepAll(10'000);
  EXPECT_LE(Of(kTwo).unanswered, HandshakeWatch::kSlots);
  Syn(kSameSlot, kOne, 10'001);
  Ack(kSameSlot, 10'002);
  EXPECT_EQ(Of(kOne).answered(), 2u);
}

}  // namespace
}  // namespace flyover::lb
