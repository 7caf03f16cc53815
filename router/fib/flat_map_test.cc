#include "router/fib/flat_map.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <unordered_map>

namespace flyover::router {
namespace {

// All keys collide in groups of 64: runs are long and erasing shifts many entries.
struct PoorHash {
  size_t operator()(uint64_t key) const { return key / 64; }
};

template <typename Hash>
void RunAgainstModel() {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  FlatMap<uint64_t, uint32_t, Hash> map;
  std::unordered_map<uint64_t, uint32_t> model;
  for (uint32_t i = 0; i < 200'000; ++i) {
    const uint64_t key = random() % 1024;
    if (random() % 2 == 0) {
      map[key] = i;
      model[key] = i;
    } else {
      ASSERT_EQ(map.Erase(key), model.erase(key) == 1);
    }
    const uint64_t asked = random() % 1024;
    const auto expected = model.find(asked);
    const uint32_t* const found = map.Find(asked);
    ASSERT_EQ(found != nullptr, expected != model.end());
    if (found != nullptr) {
      ASSERT_EQ(*found, expected->second);
    }
    ASSERT_EQ(map.size(), model.size());
  }
  size_t visited = 0;
  map.ForEach([&](uint64_t key, uint32_t value) {
    ++visited;
    EXPECT_EQ(model.at(key), value);
  });
  EXPECT_EQ(visited, model.size());
}

TEST(FlatMap, AgreesWithUnorderedMap) { RunAgainstModel<std::hash<uint64_t>>(); }
TEST(FlatMap, AgreesWithUnorderedMapUnderCollisions) { RunAgainstModel<PoorHash>(); }

TEST(FlatMap, TellsItsMemoryBeforehand) {
  FlatMap<uint64_t, uint32_t> map;
  for (uint64_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(map.memory_bytes(), (FlatMap<uint64_t, uint32_t>::BytesFor(i))) << i;
    map[i] = 1;
  }
}

}  // namespace
}  // namespace flyover::router
