#include "lb/control/table_cache.h"

#include <gtest/gtest.h>

namespace flyover::lb {
namespace {

const MaglevMember kA{Ipv4Address{1}, 10};
const MaglevMember kB{Ipv4Address{2}, 20};

TEST(TableCache, EqualPoolsShareATable) {
  TableCache cache;
  const auto one = cache.Get({kA, kB}, 1);
  const auto two = cache.Get({kB, kA}, 1);
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(*one, *two);
  EXPECT_NE(*one, *cache.Get({kA, kB}, 2));
  EXPECT_NE(*one, *cache.Get({kA}, 1));
}

TEST(TableCache, TrimForgetsWhatNobodyHolds) {
  TableCache cache;
  const auto kept = cache.Get({kA}, 1);
  (void)cache.Get({kB}, 1);
  EXPECT_EQ(cache.size(), 2u);
  cache.Trim();
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(*cache.Get({kA}, 1), *kept);
}

TEST(TableCache, PassesErrorsOn) {
  TableCache cache;
  EXPECT_EQ(cache.Get({kA, kA}, 1).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace flyover::lb
