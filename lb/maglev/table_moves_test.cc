#include "lb/maglev/table_moves.h"

#include <gtest/gtest.h>

#include <random>

namespace flyover::lb {
namespace {

IpAddress Address(unsigned n, bool v6 = false) {
  if (!v6) return Ipv4Address{0x0a000000 + n};
  Ipv6Address address;
  address.bytes[0] = 0x20;
  address.bytes[15] = static_cast<uint8_t>(n);
  return address;
}

MaglevTable Build(const std::vector<MaglevMember>& members, uint32_t size = 65'537,
                  uint64_t seed = 7) {
  return MaglevTable::Build(members, seed, size).value();
}

std::vector<MaglevMember> Pool(unsigned count, bool v6 = false) {
  std::vector<MaglevMember> members;
  for (unsigned i = 1; i <= count; ++i) members.push_back({Address(i, v6), 100});
  return members;
}

TEST(CompareTables, TheSameMovesNothing) {
  for (const bool v6 : {false, true}) {
    std::vector<MaglevMember> turned = Pool(9, v6);
    std::reverse(turned.begin(), turned.end());
    const TableMoves moves = CompareTables(Build(Pool(9, v6)), Build(turned));
    EXPECT_EQ(moves.slots, 65'537u);
    EXPECT_EQ(moves.moved, 0u);
    EXPECT_EQ(moves.least, 0u);
    ASSERT_EQ(moves.members.size(), 9u);
    for (const MemberMoves& member : moves.members) EXPECT_EQ(member.before, member.after);
  }
}

TEST(CompareTables, AnAddedMemberTakesItsShare) {
  const TableMoves moves = CompareTables(Build(Pool(9)), Build(Pool(10)));
  const MemberMoves& fresh = moves.members.back();
  EXPECT_EQ(fresh.address, Address(10));
  EXPECT_EQ(fresh.before, 0u);
  EXPECT_EQ(fresh.gained, fresh.after);
  EXPECT_EQ(moves.least, fresh.after);
  EXPECT_GE(moves.moved, moves.least);
  EXPECT_LT(moves.moved, moves.least + moves.slots / 50);
}

TEST(CompareTables, ARemovedMemberLosesAll) {
  const TableMoves moves = CompareTables(Build(Pool(10)), Build(Pool(9)));
  const MemberMoves& gone = moves.members.back();
  EXPECT_EQ(gone.after, 0u);
  EXPECT_EQ(gone.lost, gone.before);
  EXPECT_EQ(moves.least, gone.before);
}

TEST(CompareTables, FromAndToNobody) {
  const MaglevTable none = Build({{Address(1), 0}}, 251);
  const MaglevTable one = Build({{Address(1), 1}}, 251);
  const TableMoves appears = CompareTables(none, one);
  EXPECT_EQ(appears.moved, 251u);
  EXPECT_EQ(appears.least, 251u);
  EXPECT_EQ(appears.members[0].gained, 251u);
  const TableMoves goes = CompareTables(one, none);
  EXPECT_EQ(goes.moved, 251u);
  EXPECT_EQ(goes.least, 251u);
  EXPECT_EQ(goes.members[0].lost, 251u);
  EXPECT_EQ(CompareTables(none, none).moved, 0u);
}

TEST(CompareTables, AnotherPoolMovesEverything) {
  const TableMoves moves =
      CompareTables(Build({{Address(1), 1}}, 251), Build({{Address(1, true), 1}}, 251));
  EXPECT_EQ(moves.moved, 251u);
  EXPECT_EQ(moves.least, 251u);
}

// One member: whatever the size, nothing moves. Many: nearly all of what can move does, since the
// permutations are others.
TEST(CompareTables, OtherSizes) {
  EXPECT_EQ(CompareTables(Build(Pool(1), 251), Build(Pool(1), 655'373)).moved, 0u);
  EXPECT_EQ(CompareTables(Build(Pool(1), 655'373), Build(Pool(1), 251)).moved, 0u);
  const TableMoves moves = CompareTables(Build(Pool(10), 2039), Build(Pool(10), 4093));
  EXPECT_GT(moves.moved, moves.slots / 2);
  EXPECT_LT(moves.least, moves.slots / 100);
}

// By definition, slot by slot.
TEST(CompareTables, AgreesWithCounting) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    std::vector<MaglevMember> a;
    std::vector<MaglevMember> b;
    for (unsigned i = 1; i <= 12; ++i) {
      if (random() % 4 != 0) a.push_back({Address(i), static_cast<uint16_t>(random() % 4)});
      if (random() % 4 != 0) b.push_back({Address(i), static_cast<uint16_t>(random() % 4)});
    }
    const MaglevTable before = Build(a, 1021);
    const MaglevTable after = Build(b, 1021);
    const auto owner = [](const MaglevTable& table, uint32_t slot) {
      const uint16_t i = table.slots()[slot];
      return i == MaglevTable::kNone ? std::string("nobody")
                                     : table.members()[i].address.ToString();
    };
    uint32_t moved = 0;
    for (uint32_t slot = 0; slot < 1021; ++slot) moved += owner(before, slot) != owner(after, slot);
    const TableMoves moves = CompareTables(before, after);
    EXPECT_EQ(moves.moved, moved);
    EXPECT_LE(moves.least, moves.moved);
    uint32_t lost = before.empty() && !after.empty() ? 1021 : 0;
    for (const MemberMoves& member : moves.members) {
      EXPECT_EQ(member.before + member.gained, member.after + member.lost);
      lost += member.lost;
    }
    EXPECT_EQ(lost, moved);
  }
}

}  // namespace
}  // namespace flyover::lb
