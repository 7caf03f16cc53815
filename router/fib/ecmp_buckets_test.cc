#include "router/fib/ecmp_buckets.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <string>

namespace flyover::router {
namespace {

std::vector<uint32_t> KeysOf(const std::vector<WeightedMember>& members,
                             const std::vector<uint16_t>& assigned) {
  std::vector<uint32_t> keys;
  keys.reserve(assigned.size());
  for (const uint16_t m : assigned) keys.push_back(members[m].key);
  return keys;
}

TEST(EcmpBuckets, CountIsAPowerOfTwoWithSixteenEach) {
  EXPECT_EQ(BucketCount(2), 64u);
  EXPECT_EQ(BucketCount(4), 64u);
  EXPECT_EQ(BucketCount(5), 128u);
  EXPECT_EQ(BucketCount(100), 2048u);
  EXPECT_EQ(BucketCount(1000), 4096u);
}

TEST(EcmpBuckets, SharesAreWithinOneBucketOfTheWeights) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (unsigned run = 0; run < 2000; ++run) {
    std::vector<WeightedMember> members(1 + random() % 64);
    uint64_t total = 0;
    for (size_t i = 0; i < members.size(); ++i) {
      members[i] = {static_cast<uint32_t>(i), static_cast<uint32_t>(1 + random() % 256)};
      total += members[i].weight;
    }
    const unsigned buckets = BucketCount(members.size());
    const std::vector<unsigned> shares = BucketShares(members, buckets);
    EXPECT_EQ(std::accumulate(shares.begin(), shares.end(), 0u), buckets);
    for (size_t i = 0; i < members.size(); ++i) {
      const double exact =
          static_cast<double>(members[i].weight) * buckets / static_cast<double>(total);
      EXPECT_LT(std::abs(shares[i] - exact), 1.0);
    }
  }
}

TEST(EcmpBuckets, AssignmentFollowsTheShares) {
  const std::vector<WeightedMember> members = {{10, 1}, {20, 2}, {30, 5}};
  std::map<uint16_t, unsigned> count;
  for (const uint16_t m : AssignBuckets(members, {})) ++count[m];
  EXPECT_EQ(count[0], 8u);
  EXPECT_EQ(count[1], 16u);
  EXPECT_EQ(count[2], 40u);
}

TEST(EcmpBuckets, RemovalMovesOnlyTheRemovedMembersBuckets) {
  const std::vector<WeightedMember> four = {{1, 1}, {2, 1}, {3, 1}, {4, 1}};
  const std::vector<WeightedMember> three = {{1, 1}, {2, 1}, {4, 1}};
  const std::vector<uint32_t> before = KeysOf(four, AssignBuckets(four, {}));
  const std::vector<uint32_t> after = KeysOf(three, AssignBuckets(three, before));
  ASSERT_EQ(after.size(), 256u) << "64 are too few for three";
  for (size_t b = 0; b < after.size(); ++b) {
    if (before[b / 4] != 3) {
      EXPECT_EQ(after[b], before[b / 4]) << b;
    }
  }
  EXPECT_EQ(CompareBuckets(before, after), (BucketChange{256, 64, 64}));
}

TEST(EcmpBuckets, AdditionMovesOnlyTheNewMembersShare) {
  const std::vector<WeightedMember> three = {{1, 1}, {2, 1}, {4, 1}};
  const std::vector<WeightedMember> four = {{1, 1}, {2, 1}, {3, 1}, {4, 1}};
  const std::vector<uint32_t> before = KeysOf(three, AssignBuckets(three, {}));
  const std::vector<uint32_t> after = KeysOf(four, AssignBuckets(four, before));
  ASSERT_EQ(before.size(), after.size());
  for (size_t b = 0; b < before.size(); ++b) {
    EXPECT_TRUE(after[b] == before[b] || after[b] == 3) << b;
  }
  EXPECT_EQ(CompareBuckets(before, after), (BucketChange{256, 64, 64}));
}

TEST(EcmpBuckets, SharesAreWithinOnePercentOfTheWeights) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (unsigned run = 0; run < 2000; ++run) {
    // Equal weights for every number of members; other weights so that each has 1/82 or more.
    std::vector<WeightedMember> members(run < 63 ? run + 2 : 2 + random() % 15);
    for (size_t i = 0; i < members.size(); ++i) {
      members[i] = {static_cast<uint32_t>(i),
                    run < 63 ? 1 : static_cast<uint32_t>(50 + random() % 200)};
    }
    const unsigned buckets = BucketCount(members);
    EXPECT_LE(WorstShareError(members, BucketShares(members, buckets)), 0.01)
        << members.size() << " members, " << buckets << " buckets";
  }
}

TEST(EcmpBuckets, NoChangeMovesMoreThanItMust) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::vector<uint32_t> before;
  uint64_t moved = 0;
  for (unsigned run = 0; run < 500; ++run) {
    std::vector<WeightedMember> members;
    for (uint32_t key = 0; key < 24; ++key) {
      if (random() % 3 != 0) members.push_back({key, static_cast<uint32_t>(1 + random() % 8)});
    }
    if (members.empty()) continue;
    const std::vector<uint32_t> after = KeysOf(members, AssignBuckets(members, before));
    const BucketChange change = CompareBuckets(before, after);
    EXPECT_EQ(change.moved, change.least);
    moved += change.moved;
    before = after;
  }
  EXPECT_GT(moved, 0u);
}

TEST(EcmpBuckets, MoreBucketsKeepTheHighBitsMeaning) {
  const std::vector<uint32_t> one = {1};  // a group of one member that becomes two
  const std::vector<WeightedMember> two = {{1, 1}, {2, 1}};
  const std::vector<uint32_t> after = KeysOf(two, AssignBuckets(two, one));
  EXPECT_EQ(after.size(), 64u);
  EXPECT_EQ(std::count(after.begin(), after.end(), 1u), 32);
}

}  // namespace
}  // namespace flyover::router
