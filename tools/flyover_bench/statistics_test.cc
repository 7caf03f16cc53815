#include "tools/flyover_bench/statistics.h"

#include <gtest/gtest.h>

namespace flyover {
namespace {

TEST(Statistics, MedianIsTheMiddleOrTheMeanOfBothMiddles) {
  EXPECT_EQ(Median({}), 0);
  EXPECT_EQ(Median({7}), 7);
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({9, 1, 5, 7}), 6);
}

TEST(Statistics, IntervalHoldsTheMedianAndIsTheSameEachTime) {
  std::vector<double> samples(101);
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<double>(i * 37 % 101);
  const Interval a = BootstrapMedian(samples, 1);
  const Interval b = BootstrapMedian(samples, 1);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_LT(a.low, 50);
  EXPECT_GT(a.high, 50);
  EXPECT_GT(a.low, 25);
  EXPECT_LT(a.high, 75);
}

TEST(Statistics, OneOutlierDoesNotMoveTheInterval) {
  std::vector<double> samples(22, 100);
  samples[7] = 100'000;
  const Interval interval = BootstrapMedian(samples, 3);
  EXPECT_EQ(interval.low, 100);
  EXPECT_EQ(interval.high, 100);
}

TEST(Statistics, RatiosArePaired) {
  EXPECT_EQ(Ratios({2, 9}, {1, 3}), (std::vector<double>{2, 3}));
}

}  // namespace
}  // namespace flyover
