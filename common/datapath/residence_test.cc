#include "common/datapath/residence.h"

#include <gtest/gtest.h>

namespace flyover {
namespace {

TEST(Residence, QuantilesAreRightToAnEighth) {
  Residence residence;
  EXPECT_EQ(residence.Quantile(0.5), 0u);
  for (uint64_t ticks = 1; ticks <= 1000; ++ticks) residence.Record(ticks);
  for (const double share : {0.01, 0.5, 0.99}) {
    const auto exact = static_cast<uint64_t>(share * 1000);
    EXPECT_GE(residence.Quantile(share), exact) << share;
    EXPECT_LE(residence.Quantile(share), exact + exact / 8 + 1) << share;
  }
  residence.Record(~uint64_t{0});
  EXPECT_EQ(residence.Quantile(1), ~uint64_t{0});
}

}  // namespace
}  // namespace flyover
