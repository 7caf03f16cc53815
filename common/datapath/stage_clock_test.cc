#include "common/datapath/stage_clock.h"

#include <gtest/gtest.h>
#include <rte_cycles.h>

namespace flyover {
namespace {

TEST(StageClock, IsOffUntilEnabled) {
  StageClock clock;
  for (unsigned i = 0; i < 2 * StageClock::kOneIn; ++i) {
    clock.Begin(rte_rdtsc());
    clock.Lap(Stage::kReceive, 64);
    clock.End();
  }
  EXPECT_EQ(clock.of(Stage::kReceive).cycles.Get(), 0u);
  EXPECT_EQ(clock.of(Stage::kReceive).packets.Get(), 0u);
}

TEST(StageClock, TakesOneRoundInSoManyAndGivesEachStageItsTime) {
  StageClock clock;
  clock.Enable(true);
  const uint64_t start = rte_rdtsc();
  for (unsigned i = 0; i < 3 * StageClock::kOneIn; ++i) {
    clock.Begin(rte_rdtsc());
    clock.Lap(Stage::kReceive, 64);
    clock.Lap(Stage::kFibLookup, 40);
    clock.End();
  }
  const uint64_t all = rte_rdtsc() - start;
  EXPECT_EQ(clock.of(Stage::kReceive).packets.Get(), 3u * 64);
  EXPECT_EQ(clock.of(Stage::kFibLookup).packets.Get(), 3u * 40);
  EXPECT_EQ(clock.of(Stage::kEncap).packets.Get(), 0u);
  const uint64_t cycles =
      clock.of(Stage::kReceive).cycles.Get() + clock.of(Stage::kFibLookup).cycles.Get();
  EXPECT_GT(cycles, 0u);
  EXPECT_LE(cycles, all);
}

TEST(StageClock, RoundsWithoutPacketsDoNotUseASampleUp) {
  StageClock clock;
  clock.Enable(true);
  for (unsigned i = 0; i < 5; ++i) clock.Begin(rte_rdtsc());  // moved nothing: no End
  clock.Lap(Stage::kReceive, 7);
  EXPECT_EQ(clock.of(Stage::kReceive).packets.Get(), 7u);
}

TEST(StageClock, StopsWhenItIsSwitchedOff) {
  StageClock clock;
  clock.Enable(true);
  clock.Enable(false);
  clock.Begin(rte_rdtsc());
  clock.Lap(Stage::kReceive, 7);
  EXPECT_EQ(clock.of(Stage::kReceive).packets.Get(), 0u);
}

TEST(StageClock, EveryStageHasAName) {
  for (const std::string_view name : kStageNames) EXPECT_FALSE(name.empty());
  EXPECT_EQ(kStageNames[static_cast<size_t>(Stage::kTransmit)], "transmit");
}

}  // namespace
}  // namespace flyover
