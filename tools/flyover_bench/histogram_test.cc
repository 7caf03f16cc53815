#include "tools/flyover_bench/histogram.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace flyover {
namespace {

TEST(Histogram, OfNothing) {
  const Histogram h;
  EXPECT_EQ(h.Quantile(0.5), 0u);
  EXPECT_EQ(h.max(), 0u);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram h;
  for (uint64_t v = 1; v <= 10; ++v) h.Record(v);
  EXPECT_EQ(h.Quantile(0.5), 5u);
  EXPECT_EQ(h.Quantile(0.9), 9u);
  EXPECT_EQ(h.Quantile(1), 10u);
}

TEST(Histogram, TakesEveryValue) {
  Histogram h;
  h.Record(0);
  h.Record(UINT64_MAX);
  EXPECT_EQ(h.Quantile(0.5), 0u);
  EXPECT_EQ(h.Quantile(1), UINT64_MAX);
}

TEST(Histogram, IsWithinThreePercentOfSortedValues) {
  constexpr unsigned kSeed = 7;
  std::mt19937_64 random(kSeed);
  Histogram h;
  std::vector<uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(random() >> (random() % 64));
    h.Record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const auto exact =
        static_cast<double>(values[static_cast<size_t>(share * 20'000 + 0.999999) - 1]);
    const auto found = static_cast<double>(h.Quantile(share));
    EXPECT_GE(found, exact) << share << ", seed " << kSeed;
    EXPECT_LE(found, exact * (1 + 1.0 / 32) + 1) << share << ", seed " << kSeed;
  }
}

}  // namespace
}  // namespace flyover
