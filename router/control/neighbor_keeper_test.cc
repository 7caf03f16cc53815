#include "router/control/neighbor_keeper.h"

#include <gtest/gtest.h>

namespace flyover::router {
namespace {

using Key = NeighborKeeper::Key;

TEST(NeighborKeeper, ReportsWhoIsStaleAndInUse) {
  const Key a(PortIndex(0), *IpAddress::Parse("10.0.0.2"));
  const Key b(PortIndex(1), *IpAddress::Parse("2001:db8::2"));
  std::map<Key, uint64_t> sent{{a, 1000}, {b, 5}};
  NeighborKeeper keeper;
  const auto round = [&](const std::vector<Key>& stale) {
    return keeper.Round(stale, [&](const Key& key) { return sent[key]; });
  };
  EXPECT_TRUE(round({a, b}).empty()) << "what was sent before they were stale is no reason";
  EXPECT_TRUE(round({a, b}).empty()) << "nothing was sent";
  sent[b] += 1;
  EXPECT_EQ(round({a, b}), std::vector<Key>{b});
  EXPECT_TRUE(round({a, b}).empty());
  sent[a] += 7;
  EXPECT_TRUE(round({b}).empty()) << "reachable ones need nothing";
  EXPECT_TRUE(round({a, b}).empty()) << "stale again: seen from now on";
  sent[a] += 1;
  sent[b] += 1;
  EXPECT_EQ(round({a, b}), (std::vector<Key>{a, b}));
  EXPECT_EQ(keeper.reported(), 3u);
}

}  // namespace
}  // namespace flyover::router
