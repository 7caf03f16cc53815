#include "router/fib/block_pool.h"

#include <gtest/gtest.h>

namespace flyover::router {
namespace {

TEST(BlockPool, GivesEveryIndexOnceUpToTheLimit) {
  BlockPool pool(3);
  EXPECT_EQ(pool.Allocate(1), 1u);
  EXPECT_EQ(pool.Allocate(2), 2u);
  EXPECT_EQ(pool.used(), 3u);
  EXPECT_EQ(pool.Allocate(1), BlockPool::kNone);
}

TEST(BlockPool, HeadroomIsForTheUrgent) {
  BlockPool pool(1, 1);
  EXPECT_EQ(pool.Allocate(1), 1u);
  EXPECT_EQ(pool.Allocate(1), BlockPool::kNone);
  EXPECT_EQ(pool.Allocate(1, /*urgent=*/true), 2u);
  EXPECT_EQ(pool.Allocate(1, /*urgent=*/true), BlockPool::kNone);
}

TEST(BlockPool, FreedBlocksAreGivenAgainInTheirSize) {
  BlockPool pool(4);
  const uint32_t pair = pool.Allocate(2);
  pool.Free({pair, 2});
  EXPECT_EQ(pool.used(), 0u);
  EXPECT_NE(pool.Allocate(1), pair);
  EXPECT_EQ(pool.Allocate(2), pair);
}

TEST(BlockPool, RetiredBlocksWaitForReaders) {
  QsbrDomain qsbr(1);
  QsbrReader reader(qsbr, 0);
  auto pool = std::make_shared<BlockPool>(1);
  const uint32_t index = pool->Allocate(1);
  BlockPool::Retire(pool, {{index, 1}}, qsbr);
  qsbr.Reclaim();
  EXPECT_EQ(pool->Allocate(1), BlockPool::kNone);
  reader.Quiescent();
  qsbr.Reclaim();
  EXPECT_EQ(pool->Allocate(1), index);
}

TEST(BlockPool, BacklogMayOutliveItsOwner) {
  QsbrDomain qsbr(1);
  auto pool = std::make_shared<BlockPool>(1);
  BlockPool::Retire(pool, {{pool->Allocate(1), 1}}, qsbr);
  pool.reset();
  EXPECT_EQ(qsbr.Reclaim(), 0u);
}

}  // namespace
}  // namespace flyover::router
