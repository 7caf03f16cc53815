#include "router/fib/nexthop_group.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace flyover::router
