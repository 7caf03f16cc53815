// Devices of numbers: what they bear is known.
#include "tools/flyover_bench/rate_search.h"

#include <gtest/gtest.h>

namespace flyover {
namespace {

constexpr double kLeast = 1e4;
constexpr double kMost = 1e7;

// Forwards `capacity` packets a second and loses the rest.
TrialResult Overload(double capacity, double rate) {
  const auto sent = static_cast<uint64_t>(rate);
  return {sent, rate <= capacity ? 0 : static_cast<uint64_t>(rate - capacity)};
}

TEST(RateSearchTest, FindsWhatTheDeviceBears) {
  for (const double capacity : {2e4, 3.3e6, 9.99e6}) {
    RateSearch search([&](double rate) { return Overload(capacity, rate); }, kLeast, kMost);
    const auto bounds = search.Find({});
    ASSERT_TRUE(bounds.ok());
    EXPECT_LE(bounds->lower, capacity);
    EXPECT_GT(bounds->upper, capacity);
    EXPECT_LE((bounds->upper - bounds->lower) / bounds->upper, 0.005);
    EXPECT_DOUBLE_EQ(bounds->forwarded, bounds->lower);
  }
}

TEST(RateSearchTest, EndsOfTheRange) {
  RateSearch fast([](double rate) { return Overload(1e9, rate); }, kLeast, kMost);
  const auto all = fast.Find({});
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->lower, kMost);
  EXPECT_EQ(all->upper, 0);
  RateSearch slow([](double rate) { return Overload(1, rate); }, kLeast, kMost);
  const auto none = slow.Find({});
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->lower, 0);
  EXPECT_EQ(none->upper, kLeast);
}

TEST(RateSearchTest, ALossThatIsAllowedMovesTheBound) {
  constexpr double kCapacity = 4e6;
  RateSearch search([&](double rate) { return Overload(kCapacity, rate); }, kLeast, kMost);
  const auto partial = search.Find({.loss_ratio = 0.1});
  const unsigned trials = search.trials();
  const auto none = search.Find({});
  ASSERT_TRUE(partial.ok() && none.ok());
  EXPECT_NEAR(partial->lower, kCapacity / 0.9, 0.01 * kCapacity);
  EXPECT_NEAR(partial->forwarded, kCapacity, 0.01 * kCapacity);
  EXPECT_NEAR(none->lower, kCapacity, 0.01 * kCapacity);
  // The second goal begins with what the first one learnt.
  RateSearch alone([&](double rate) { return Overload(kCapacity, rate); }, kLeast, kMost);
  ASSERT_TRUE(alone.Find({}).ok());
  EXPECT_LT(search.trials() - trials, alone.trials());
}

TEST(RateSearchTest, OneBadMomentDoesNotDecide) {
  constexpr double kCapacity = 5e6;
  unsigned trial = 0;
  const auto disturbed = [&](double rate) {
    TrialResult result = Overload(kCapacity, rate);
    if (++trial % 5 == 0) result.lost += 1;  // the machine was elsewhere
    return result;
  };
  RateSearch search(disturbed, kLeast, kMost);
  const auto bounds = search.Find({.exceed_ratio = 0.5, .trials = 5});
  ASSERT_TRUE(bounds.ok());
  EXPECT_NEAR(bounds->lower, kCapacity, 0.01 * kCapacity);
}

TEST(RateSearchTest, AnErrorEndsIt) {
  RateSearch search(
      [](double) -> Result<TrialResult> {
        return Status(StatusCode::kFailedPrecondition, "too slow");
      },
      kLeast, kMost);
  EXPECT_EQ(search.Find({}).status().message(), "too slow");
}

TEST(LongestBurstTest, FindsWhatAQueueHolds) {
  for (const uint64_t holds : {0ul, 1ul, 63ul, 64ul, 1000ul, 65'535ul}) {
    const auto found = FindLongestBurst(
        [&](uint64_t length) -> Result<uint64_t> { return length > holds ? length - holds : 0; },
        65'536, 3);
    ASSERT_TRUE(found.ok());
    EXPECT_LE(*found, holds);
    EXPECT_GE(*found + holds / 64 + 1, holds);
  }
  const auto all =
      FindLongestBurst([](uint64_t) -> Result<uint64_t> { return uint64_t{0}; }, 5000, 3);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(*all, 5000u);
}

}  // namespace
}  // namespace flyover
