#include "common/datapath/token_bucket.h"

#include <gtest/gtest.h>

namespace flyover {
namespace {

constexpr uint64_t kHz = 1'000'000;

unsigned TakeAll(TokenBucket& bucket, uint64_t now) {
  unsigned n = 0;
  while (bucket.Take(now)) ++n;
  return n;
}

TEST(TokenBucket, StartsWithItsBurst) {
  for (const uint32_t burst : {1u, 2u, 100u}) {
    TokenBucket bucket(1000, burst, kHz);
    EXPECT_EQ(TakeAll(bucket, 0), burst);
    TokenBucket later(1000, burst, kHz);
    EXPECT_EQ(TakeAll(later, uint64_t{1} << 60), burst);
  }
}

TEST(TokenBucket, GivesOneBackExactlyAfterItsTime) {
  TokenBucket bucket(1000, 3, kHz);  // one each 1,000 ticks
  const uint64_t start = 5'000'000;
  EXPECT_EQ(TakeAll(bucket, start), 3u);
  EXPECT_FALSE(bucket.Take(start + 999));
  EXPECT_TRUE(bucket.Take(start + 1000));
  EXPECT_FALSE(bucket.Take(start + 1000));
  EXPECT_FALSE(bucket.Take(start + 1999));
  EXPECT_EQ(TakeAll(bucket, start + 3000), 2u);
}

TEST(TokenBucket, SavesNoMoreThanItsBurst) {
  TokenBucket bucket(1000, 3, kHz);
  EXPECT_EQ(TakeAll(bucket, 0), 3u);
  EXPECT_EQ(TakeAll(bucket, 3600 * kHz), 3u);
}

TEST(TokenBucket, KeepsItsRateOverASecond) {
  TokenBucket bucket(1000, 10, kHz);
  unsigned taken = 0;
  for (uint64_t now = 0; now < kHz; now += 100) taken += TakeAll(bucket, now);
  EXPECT_NEAR(taken, 1000 + 10, 1);
}

TEST(TokenBucket, RefusesEverythingAtRate0) {
  TokenBucket none(0, 100, kHz);
  EXPECT_FALSE(none.Take(0));
  EXPECT_FALSE(none.Take(kHz));
  TokenBucket unset;
  EXPECT_FALSE(unset.Take(kHz));
  TokenBucket no_burst(1000, 0, kHz);
  EXPECT_FALSE(no_burst.Take(kHz));
}

TEST(TokenBucket, ARateAboveTheClockIsOneATick) {
  TokenBucket bucket(4'000'000, 1, kHz);
  EXPECT_TRUE(bucket.Take(7));
  EXPECT_FALSE(bucket.Take(7));
  EXPECT_TRUE(bucket.Take(8));
}

}  // namespace
}  // namespace flyover
