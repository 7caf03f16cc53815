#include "router/fib/nexthop_group.h"

#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <map>

namespace flyover::router {
namespace {

GroupSpec Forward(std::vector<GroupMember> members) {
  return {NexthopAction::kForward, kNoPort, std::move(members)};
}

std::map<uint32_t, unsigned> Spread(GroupWord word) {
  std::map<uint32_t, unsigned> count;
  for (uint32_t i = 0; i < 4096; ++i) ++count[word.Pick(i << 20).value()];
  return count;
}

class GroupTableTest : public ::testing::Test {
 protected:
  QsbrDomain qsbr_{1};
  GroupTable groups_{4};
};

TEST_F(GroupTableTest, GroupZeroIsNoRoute) {
  EXPECT_EQ(groups_.Load(GroupId(0)).action(), NexthopAction::kNoRoute);
}

TEST_F(GroupTableTest, KeepsActionAndPort) {
  const GroupId glean = *groups_.Create({NexthopAction::kGlean, PortIndex(31), {}});
  EXPECT_EQ(groups_.Load(glean).action(), NexthopAction::kGlean);
  EXPECT_EQ(groups_.Load(glean).port(), PortIndex(31));
  const GroupId local = *groups_.Create({NexthopAction::kLocal, kNoPort, {}});
  EXPECT_EQ(groups_.Load(local).action(), NexthopAction::kLocal);
}

TEST_F(GroupTableTest, SingleMemberTakesAll) {
  const GroupId id = *groups_.Create(Forward({{1, AdjacencyId(77), 5}}));
  EXPECT_EQ(groups_.Load(id).bucket_count(), 1u);
  EXPECT_EQ(groups_.Load(id).Pick(0), AdjacencyId(77));
  EXPECT_EQ(groups_.Load(id).Pick(0xffffffff), AdjacencyId(77));
}

TEST_F(GroupTableTest, MembersShareByWeight) {
  const GroupId id = *groups_.Create(Forward({{1, AdjacencyId(10), 1}, {2, AdjacencyId(20), 3}}));
  const auto spread = Spread(groups_.Load(id));
  EXPECT_EQ(spread.at(10), 1024u);
  EXPECT_EQ(spread.at(20), 3072u);
}

TEST_F(GroupTableTest, UpdateKeepsFlowsOnMembersWhoseAdjacencyChanged) {
  const GroupId id = *groups_.Create(Forward({{1, AdjacencyId(10), 1}, {2, AdjacencyId(20), 1}}));
  const GroupWord before = groups_.Load(id);
  std::map<uint32_t, AdjacencyId> picked;
  for (uint32_t i = 0; i < 64; ++i) picked[i << 26] = before.Pick(i << 26);
  groups_.Update(id, Forward({{2, AdjacencyId(21), 1}, {1, AdjacencyId(11), 1}}), qsbr_);
  for (const auto& [hash, adjacency] : picked) {
    EXPECT_EQ(groups_.Load(id).Pick(hash).value(), adjacency.value() + 1);
  }
}

TEST_F(GroupTableTest, OldWordStaysReadableUntilTheQuiescentPoint) {
  QsbrReader reader(qsbr_, 0);
  const GroupId id = *groups_.Create(Forward({{1, AdjacencyId(10), 1}, {2, AdjacencyId(20), 1}}));
  const GroupWord held = groups_.Load(id);
  groups_.Update(id, Forward({{2, AdjacencyId(20), 1}}), qsbr_);
  EXPECT_EQ(qsbr_.Reclaim(), 1u);
  EXPECT_EQ(Spread(held).size(), 2u);
  EXPECT_EQ(Spread(groups_.Load(id)).size(), 1u);
  reader.Quiescent();
  EXPECT_EQ(qsbr_.Reclaim(), 0u);
}

TEST_F(GroupTableTest, MemberThatComesBackGetsItsFlowsBack) {
  const GroupSpec two = Forward({{1, AdjacencyId(10), 1}, {2, AdjacencyId(20), 1}});
  const GroupId id = *groups_.Create(two);
  std::map<uint32_t, AdjacencyId> picked;
  for (uint32_t i = 0; i < 64; ++i) picked[i << 26] = groups_.Load(id).Pick(i << 26);
  groups_.Update(id, {NexthopAction::kNoRoute, kNoPort, {}}, qsbr_);
  EXPECT_EQ(groups_.Load(id).action(), NexthopAction::kNoRoute);
  groups_.Update(id, two, qsbr_);
  for (const auto& [hash, adjacency] : picked) EXPECT_EQ(groups_.Load(id).Pick(hash), adjacency);
}

TEST_F(GroupTableTest, NewGroupTakesFlowsOverFromTheOneItReplaces) {
  const GroupId old = *groups_.Create(Forward({{1, AdjacencyId(10), 1},
                                               {2, AdjacencyId(20), 1},
                                               {3, AdjacencyId(30), 1},
                                               {4, AdjacencyId(40), 1}}));
  const GroupId next = *groups_.Create(
      Forward({{1, AdjacencyId(10), 1}, {3, AdjacencyId(30), 1}, {4, AdjacencyId(40), 1}}), old);
  for (uint32_t i = 0; i < 64; ++i) {
    const AdjacencyId before = groups_.Load(old).Pick(i << 26);
    if (before != AdjacencyId(20)) {
      EXPECT_EQ(groups_.Load(next).Pick(i << 26), before);
    }
  }
}

TEST_F(GroupTableTest, FullTableRefusesAndReusesAfterTheGracePeriod) {
  GroupId last;
  for (int i = 0; i < 4; ++i) last = *groups_.Create({NexthopAction::kLocal, kNoPort, {}});
  EXPECT_EQ(groups_.Create({NexthopAction::kLocal, kNoPort, {}}).status().code(),
            StatusCode::kResourceExhausted);
  groups_.Destroy(last, qsbr_);
  // Still what it was: an lcore may have read its number from the FIB.
  EXPECT_EQ(groups_.Load(last).action(), NexthopAction::kLocal);
  qsbr_.Reclaim();
  EXPECT_EQ(*groups_.Create({NexthopAction::kBlackhole, kNoPort, {}}), last);
}

TEST_F(GroupTableTest, LastChangeIsOfMembersAndWeightsOnly) {
  const GroupMember a{1, AdjacencyId(10), 1}, b{2, AdjacencyId(20), 1}, c{3, AdjacencyId(30), 2};
  const GroupId id = *groups_.Create(Forward({a, b}));
  EXPECT_EQ(groups_.ViewOf(id).last_change, BucketChange{});
  groups_.Update(id, Forward({a, b, c}), qsbr_);
  const GroupTable::View view = groups_.ViewOf(id);
  EXPECT_EQ(view.last_change, (BucketChange{64, 32, 32}));
  EXPECT_EQ(view.buckets, (std::unordered_map<uint32_t, uint32_t>{{1, 16}, {2, 16}, {3, 32}}));
  // A neighbour's new adjacency moves no flow.
  groups_.Update(id, Forward({a, {2, AdjacencyId(21), 1}, c}), qsbr_);
  EXPECT_EQ(groups_.ViewOf(id).last_change, (BucketChange{64, 32, 32}));
  groups_.Update(id, Forward({c}), qsbr_);
  EXPECT_EQ(groups_.ViewOf(id).buckets, (std::unordered_map<uint32_t, uint32_t>{{3, 1}}));
}

// The largest that the router promises: 4,096 groups of 64 members, and one of the members fails.
TEST(GroupTable, FourThousandGroupsOfSixtyFourMembers) {
  constexpr uint32_t kGroups = 4096, kMembers = 64;
  QsbrDomain qsbr(1);
  GroupTable groups(kGroups);
  GroupSpec spec = Forward({});
  for (uint32_t m = 0; m < kMembers; ++m) spec.members.push_back({m, AdjacencyId(m + 1), 1});
  const auto begun = std::chrono::steady_clock::now();
  std::vector<GroupId> ids;
  uint64_t buckets = 0;
  for (uint32_t g = 0; g < kGroups; ++g) {
    ids.push_back(*groups.Create(spec));
    buckets += groups.Load(ids.back()).bucket_count();
  }
  const auto made = std::chrono::steady_clock::now();
  spec.members.erase(spec.members.begin() + 17);
  uint64_t moved = 0, least = 0;
  for (const GroupId id : ids) {
    groups.Update(id, spec, qsbr);
    moved += groups.ViewOf(id).last_change.moved;
    least += groups.ViewOf(id).last_change.least;
  }
  const auto failed = std::chrono::steady_clock::now();
  const auto ms = [](auto span) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
  };
  std::cout << kGroups << " groups of " << kMembers << ": " << (buckets * 8 >> 20)
            << " MiB, made in " << ms(made - begun)
            << " ms; a member fails in all of them: " << ms(failed - made) << " ms, " << moved
            << " buckets moved, " << least << " had to\n";
  EXPECT_EQ(buckets, uint64_t{kGroups} * 1024);
  EXPECT_EQ(moved, least);
  EXPECT_EQ(groups.Create(spec).status().code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace flyover::router
