#include "lb/control/connection_view.h"

#include <gtest/gtest.h>

namespace flyover::lb {
namespace {

constexpr uint16_t kTimeouts[] = {60, 60, 60};
constexpr ConnectionTimeouts kAll{kTimeouts, 3, 60};

TEST(ConnectionView, CountsAndListsOverAllTables) {
  auto a = std::move(ConnectionTable::Create(1024)).value();
  auto b = std::move(ConnectionTable::Create(1024)).value();
  for (uint64_t flow = 1; flow <= 10; ++flow) {
    a->Insert(flow * 0x9e3779b97f4a7c15ULL, BackendId(2), 100, kAll);
  }
  b->Insert(77, BackendId(1), 95, kAll);
  const std::array<const ConnectionTable*, 2> tables = {a.get(), b.get()};

  EXPECT_EQ(CountByBackend(tables), (std::vector<uint64_t>{0, 1, 10}));

  const auto all = ListConnections(tables, 100, 105);
  ASSERT_EQ(all.size(), 11u);
  EXPECT_EQ(all.front().idle_seconds, 5);
  EXPECT_EQ(all.back().lcore, LcoreIndex(1));
  EXPECT_EQ(all.back().backend, BackendId(1));
  EXPECT_EQ(all.back().idle_seconds, 10);
  EXPECT_EQ(ListConnections(tables, 4, 105).size(), 4u);
  EXPECT_EQ(ListConnections(tables, 0, 105).size(), 0u);
  EXPECT_EQ(ListConnections(tables, 100, 94).back().idle_seconds, 0);  // our clock is behind

  ConnectionSummary sum = Summarize(*a);
  sum += Summarize(*b);
  EXPECT_EQ(sum.capacity, 2048u);
  EXPECT_EQ(sum.occupancy, 11u);
  EXPECT_EQ(sum.inserts, 11u);
  EXPECT_EQ(sum.evictions, 0u);
  EXPECT_EQ(sum.memory_bytes, 2048u * 8);
}

}  // namespace
}  // namespace flyover::lb
