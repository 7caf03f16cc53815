#include "lb/control/id_pool.h"

#include <gtest/gtest.h>

namespace flyover::lb {
namespace {

using std::chrono::seconds;

constexpr seconds kHold{300};

class IdPoolTest : public testing::Test {
 protected:
  void CollectAt(seconds t, std::vector<uint64_t> sweeps) {
    pool_.Collect(start_ + t, kHold, sweeps);
  }
  IdPool pool_{4};
  IdPool::Clock::time_point start_{};
};

TEST_F(IdPoolTest, KeysKeepTheirIds) {
  EXPECT_EQ(pool_.Acquire("a").id, 0);
  EXPECT_EQ(pool_.Acquire("b").id, 1);
  const auto again = pool_.Acquire("a");
  EXPECT_EQ(again.id, 0);
  EXPECT_FALSE(again.fresh);
  EXPECT_EQ(pool_.available(), 2u);
}

TEST_F(IdPoolTest, RetiredIdWaitsForTimeAndSweeps) {
  pool_.Acquire("a");
  pool_.Retire("a", start_);
  CollectAt(seconds(299), {7, 9});
  CollectAt(seconds(299), {70, 90});  // sweeps before the time do not count
  EXPECT_EQ(pool_.retired(), 1u);
  CollectAt(seconds(300), {70, 90});  // from here on
  CollectAt(seconds(310), {72, 91});
  EXPECT_EQ(pool_.retired(), 1u);
  CollectAt(seconds(320), {72, 92});
  EXPECT_EQ(pool_.retired(), 0u);
  EXPECT_EQ(pool_.available(), 4u);
  EXPECT_TRUE(pool_.Acquire("b").fresh);
}

TEST_F(IdPoolTest, LongerTimeoutStartsTheSweepsAnew) {
  pool_.Acquire("a");
  pool_.Retire("a", start_);
  CollectAt(seconds(300), {1});
  pool_.Collect(start_ + seconds(400), seconds(350), std::vector<uint64_t>{9});
  EXPECT_EQ(pool_.retired(), 1u);
  pool_.Collect(start_ + seconds(400), seconds(350), std::vector<uint64_t>{11});
  EXPECT_EQ(pool_.retired(), 0u);
}

TEST_F(IdPoolTest, ComesBackWithItsId) {
  pool_.Acquire("a");
  pool_.Acquire("b");
  pool_.Retire("a", start_);
  const auto back = pool_.Acquire("a");
  EXPECT_EQ(back.id, 0);
  EXPECT_FALSE(back.fresh);
  EXPECT_EQ(pool_.retired(), 0u);
  CollectAt(seconds(1000), {1});
  CollectAt(seconds(1000), {5});
  EXPECT_TRUE(pool_.Knows("a"));
}

TEST_F(IdPoolTest, WithoutTablesTimeAlone) {
  pool_.Acquire("a");
  pool_.Retire("a", start_);
  CollectAt(seconds(300), {});
  EXPECT_EQ(pool_.retired(), 0u);
}

TEST_F(IdPoolTest, FreedIdsAreGivenAgainLowestFirst) {
  for (const char* key : {"a", "b", "c", "d"}) pool_.Acquire(key);
  EXPECT_EQ(pool_.available(), 0u);
  pool_.Free("c");
  pool_.Free("b");
  pool_.Free("never seen");
  EXPECT_EQ(pool_.Acquire("e").id, 1);
  EXPECT_EQ(pool_.Acquire("f").id, 2);
  EXPECT_EQ(pool_.available(), 0u);
}

}  // namespace
}  // namespace flyover::lb
