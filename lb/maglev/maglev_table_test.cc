#include "lb/maglev/maglev_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace flyover::lb {
namespace {

IpAddress Address(uint32_t i) { return Ipv4Address{0x0a000000 + i}; }

std::vector<MaglevMember> Pool(uint32_t n, uint16_t weight = 100) {
  std::vector<MaglevMember> pool;
  for (uint32_t i = 0; i < n; ++i) pool.push_back({Address(i), weight});
  return pool;
}

MaglevTable Build(std::vector<MaglevMember> members, uint64_t seed = 7) {
  auto table = MaglevTable::Build(std::move(members), seed);
  EXPECT_TRUE(table.ok()) << table.status().message();
  return std::move(table).value();
}

// Who owns each slot, by address, so that tables of different pools can be compared.
std::vector<IpAddress> Owners(const MaglevTable& table) {
  std::vector<IpAddress> owners;
  for (const uint16_t i : table.slots()) owners.push_back(table.members()[i].address);
  return owners;
}

// Share of slots whose owner differs although neither its old nor its new owner is `changed`.
double Collateral(const MaglevTable& a, const MaglevTable& b, const IpAddress& changed) {
  const auto before = Owners(a);
  const auto after = Owners(b);
  unsigned moved = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    moved += before[i] != after[i] && before[i] != changed && after[i] != changed;
  }
  return moved / static_cast<double>(kDefaultTableSize);
}

TEST(MaglevTable, LeavesNoHoles) {
  for (const uint32_t n : {1u, 2u, 3u, 100u, 5000u}) {
    const MaglevTable table = Build(Pool(n));
    uint64_t sum = 0;
    for (size_t i = 0; i < n; ++i) sum += table.slots_of(i);
    EXPECT_EQ(sum, kDefaultTableSize);
    EXPECT_EQ(std::count(table.slots().begin(), table.slots().end(), MaglevTable::kNone), 0);
  }
}

TEST(MaglevTable, EmptyWithoutMembersOrWeights) {
  for (const auto& table : {Build({}), Build(Pool(3, 0))}) {
    EXPECT_TRUE(table.empty());
    EXPECT_EQ(table.Lookup(0), MaglevTable::kNone);
    EXPECT_EQ(table.Lookup(0xffffffff), MaglevTable::kNone);
  }
}

TEST(MaglevTable, OrderOfMembersHasNoEffect) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  auto pool = Pool(50);
  for (auto& member : pool) member.weight = static_cast<uint16_t>(1 + random() % 200);
  const MaglevTable sorted = Build(pool);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(pool.begin(), pool.end(), random);
    const MaglevTable shuffled = Build(pool);
    EXPECT_EQ(shuffled.slots(), sorted.slots());
    EXPECT_EQ(shuffled.members(), sorted.members());
    EXPECT_EQ(shuffled.digest(), sorted.digest());
  }
}

TEST(MaglevTable, SharesFollowWeights) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20; ++round) {
    auto pool = Pool(static_cast<uint32_t>(1 + random() % 200));
    double total = 0;
    for (auto& member : pool) {
      member.weight = static_cast<uint16_t>(random() % (round % 2 == 0 ? 10 : 65536));
      total += member.weight;
    }
    if (total == 0) continue;
    const MaglevTable table = Build(pool, random());
    for (size_t i = 0; i < pool.size(); ++i) {
      const double ideal = table.members()[i].weight / total;
      // Credit that nobody has spent yet: below one slot each, shared out by weight.
      const double bound = 1 + static_cast<double>(pool.size()) * ideal;
      EXPECT_NEAR(table.slots_of(i), kDefaultTableSize * ideal, bound);
    }
  }
}

TEST(MaglevTable, WeightZeroGetsNothing) {
  auto pool = Pool(10);
  pool[4].weight = 0;
  const MaglevTable table = Build(pool);
  EXPECT_EQ(table.slots_of(4), 0u);
  EXPECT_EQ(std::count(table.slots().begin(), table.slots().end(), 4), 0);
}

TEST(MaglevTable, DrainedAndAbsentMembersMakeTheSameTable) {
  auto drained = Pool(10);
  drained[4].weight = 0;
  auto removed = Pool(10);
  removed.erase(removed.begin() + 4);
  const MaglevTable a = Build(drained);
  const MaglevTable b = Build(removed);
  EXPECT_EQ(Owners(a), Owners(b));
  EXPECT_EQ(a.digest(), b.digest());
}

TEST(MaglevTable, RemovalMovesLittleElse) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    auto pool = Pool(100);
    const MaglevTable before = Build(pool, seed);
    pool.erase(pool.begin() + 42);
    const MaglevTable after = Build(pool, seed);
    EXPECT_LT(Collateral(before, after, Address(42)), 0.012) << seed;
    // Back again: the same slots.
    EXPECT_EQ(Build(Pool(100), seed).digest(), before.digest());
  }
}

TEST(MaglevTable, AdditionTakesItsShareAndMovesLittleElse) {
  const MaglevTable before = Build(Pool(10));
  const MaglevTable after = Build(Pool(11));
  EXPECT_NEAR(after.slots_of(10) / double{kDefaultTableSize}, 1 / 11.0, 0.005);
  EXPECT_LT(Collateral(before, after, Address(10)), 0.01);
}

TEST(MaglevTable, SmallWeightChangeMovesLittle) {
  auto pool = Pool(100);
  const MaglevTable before = Build(pool);
  pool[17].weight = 99;
  const MaglevTable after = Build(pool);
  const auto a = Owners(before);
  const auto b = Owners(after);
  unsigned moved = 0;
  for (size_t i = 0; i < a.size(); ++i) moved += a[i] != b[i];
  EXPECT_LT(moved / double{kDefaultTableSize}, 0.005);
}

TEST(MaglevTable, SeedDecidesTheTable) {
  EXPECT_EQ(Build(Pool(20), 1).digest(), Build(Pool(20), 1).digest());
  EXPECT_NE(Build(Pool(20), 1).digest(), Build(Pool(20), 2).digest());
  EXPECT_NE(Build(Pool(20), 1).slots(), Build(Pool(20), 2).slots());
}

TEST(MaglevTable, TableIsThatOfThisVersion) {
  // Two balancers must agree across releases: a new value here needs a new kVersion, and a plan.
  EXPECT_EQ(Build(Pool(3), 0).digest(), 9'480'762'492'879'139'053ULL);
}

// As the paper tells it, one step at a time: what the short cuts must agree with.
std::vector<IpAddress> NaiveOwners(const std::vector<MaglevMember>& ranked, uint64_t seed,
                                   uint32_t size) {
  struct Member {
    IpAddress address;
    uint64_t position, step, weight, credit = 0;
  };
  std::vector<Member> members;
  uint64_t heaviest = 0;
  const HashKey key = KeyFromSeed(seed, 2);
  for (const MaglevMember& m : ranked) {
    const uint64_t high = LoadUnaligned<uint64_t>(m.address.data());
    const uint64_t low = LoadUnaligned<uint64_t>(m.address.data() + 8);
    const uint64_t hash = Mum(Mum(high ^ key.a, low ^ key.b) ^ key.b,
                              key.a ^ static_cast<uint64_t>(m.address.family()));
    if (m.weight == 0) continue;
    heaviest = std::max<uint64_t>(heaviest, m.weight);
    members.push_back({m.address, (hash >> 32) * size >> 32,
                       1 + ((hash & 0xffffffff) * (size - 1) >> 32), m.weight});
  }
  std::vector<IpAddress> owners(size);
  std::vector<bool> taken(size);
  for (uint32_t filled = 0; filled < size;) {
    for (Member& m : members) {
      m.credit += m.weight;
      if (m.credit < heaviest) continue;
      m.credit -= heaviest;
      while (taken[m.position]) m.position = (m.position + m.step) % size;
      taken[m.position] = true;
      owners[m.position] = m.address;
      if (++filled == size) break;
    }
  }
  return owners;
}

TEST(MaglevTable, IsThePapersTableOnEveryRung) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (const uint32_t size : kTableSizes) {
    for (const uint32_t n : {1u, 2u, 7u, 100u}) {
      if (size > 100'000 && n == 7) continue;
      auto pool = Pool(n);
      for (auto& member : pool) {
        if (random() % 2 == 0) member.weight = static_cast<uint16_t>(1 + random() % 200);
      }
      const auto table = MaglevTable::Build(pool, seed, size);
      ASSERT_TRUE(table.ok());
      EXPECT_EQ(Owners(*table), NaiveOwners(pool, seed, size)) << size << " " << n;
    }
  }
}

TEST(MaglevTable, SizesArePrimesAndTheAutomaticOneHasAHundredSlotsABackend) {
  for (const uint32_t size : kTableSizes) {
    for (uint32_t divisor = 2; divisor * divisor <= size; ++divisor) {
      ASSERT_NE(size % divisor, 0u) << size;
    }
  }
  EXPECT_EQ(TableSizeFor(0), 251u);
  EXPECT_EQ(TableSizeFor(2), 251u);
  EXPECT_EQ(TableSizeFor(3), 509u);
  EXPECT_EQ(TableSizeFor(655), 65'537u);
  EXPECT_EQ(TableSizeFor(656), 131'071u);
  EXPECT_EQ(TableSizeFor(6'553), 655'373u);
  EXPECT_EQ(TableSizeFor(60'000), 655'373u);
}

TEST(MaglevTable, FamiliesAreDifferentMembers) {
  const IpAddress v4 = Ipv4Address{0x0a000001};
  Ipv6Address same_bytes;
  same_bytes.bytes[0] = 10;
  same_bytes.bytes[3] = 1;
  const MaglevTable table = Build({{v4, 1}, {same_bytes, 1}});
  EXPECT_NEAR(table.slots_of(0), kDefaultTableSize / 2.0, 1);
}

TEST(MaglevTable, RefusesTwinsAndTooMany) {
  auto twins = Pool(3);
  twins.push_back(twins[1]);
  EXPECT_EQ(MaglevTable::Build(twins, 0).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(MaglevTable::Build(Pool(65'536), 0).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(MaglevTable::Build(Pool(3), 0, 65'536).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace flyover::lb
