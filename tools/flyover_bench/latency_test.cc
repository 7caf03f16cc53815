#include "tools/flyover_bench/latency.h"

#include <gtest/gtest.h>

#include "common/datapath/burst.h"

namespace flyover {
namespace {

// 200 ticks a burst and 50 a packet: 53.1 a packet with full bursts. An empty poll takes 20.
Result<uint64_t> Steady(unsigned packets) { return packets == 0 ? 20 : 200 + 50ul * packets; }

TEST(Latency, OfALonelyPacketIsItsOwnService) {
  const auto latency = RunSchedule(Steady, {.interval = 10'000, .packets = 100});
  ASSERT_TRUE(latency.ok());
  EXPECT_EQ(latency->lost, 0u);
  EXPECT_EQ(latency->residence.total(), 100u);
  EXPECT_GE(latency->residence.Quantile(0), 250u);
  EXPECT_LE(latency->residence.max(), 250u + 20) << "at most the poll that it came into";
}

TEST(Latency, AStallIsSeenByAllThatWereDueInIt) {
  unsigned calls = 0;
  const auto stalls_once = [&](unsigned n) -> Result<uint64_t> {
    return *Steady(n) + (n > 0 && ++calls == 10 ? 100'000 : 0);
  };
  const auto latency = RunSchedule(stalls_once, {.interval = 1000, .packets = 1000});
  ASSERT_TRUE(latency.ok());
  EXPECT_EQ(latency->lost, 0u);
  // A tenth of all packets was due within the stall; half of these waited for half of it or more.
  EXPECT_GE(latency->residence.Quantile(0.96), 50'000u);
  EXPECT_LE(latency->residence.Quantile(0.85), 1000u);
  EXPECT_GE(latency->residence.max(), 100'000u);
}

TEST(Latency, WhatIsDueBeyondTheRingIsLost) {
  const auto latency = RunSchedule(Steady, {.interval = 10, .packets = 10'000, .ring = 100});
  ASSERT_TRUE(latency.ok());
  EXPECT_GT(latency->lost, 5'000u);
  EXPECT_EQ(latency->lost + latency->residence.total(), 10'000u);
}

TEST(Latency, NoDropIntervalIsThatOfFullBursts) {
  const auto interval = FindNoDropInterval(Steady, 60, 600'000);
  ASSERT_TRUE(interval.ok());
  EXPECT_NEAR(*interval, 200.0 / kMaxBurst + 50, 0.8);
}

TEST(Latency, AStallNowAndThenDoesNotDecide) {
  uint64_t calls = 0;
  const auto stalls = [&](unsigned n) -> Result<uint64_t> {
    return *Steady(n) + (++calls % 100'000 == 0 ? 10'000'000 : 0);
  };
  const auto interval = FindNoDropInterval(stalls, 60, 600'000);
  ASSERT_TRUE(interval.ok());
  EXPECT_NEAR(*interval, 200.0 / kMaxBurst + 50, 3);
}

TEST(Latency, SaysWhenNoRateIsWithoutLoss) {
  const auto slow = [](unsigned n) -> Result<uint64_t> { return 10'000ul * (n + 1); };
  EXPECT_EQ(FindNoDropInterval(slow, 60, 10'000).status().code(), StatusCode::kFailedPrecondition);
}

TEST(Latency, AnErrorEndsIt) {
  const auto fails = [](unsigned) -> Result<uint64_t> {
    return Status(StatusCode::kUnavailable, "gone");
  };
  EXPECT_EQ(RunSchedule(fails, {.interval = 1, .packets = 1}).status().message(), "gone");
}

}  // namespace
}  // namespace flyover
