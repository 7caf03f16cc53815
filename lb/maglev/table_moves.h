// What a flow that is not remembered would see of a change from one table to another.
#pragma once

#include <cstdint>
#include <vector>

#include "common/net/ip_address.h"
#include "lb/maglev/maglev_table.h"

namespace flyover::lb {

struct MemberMoves {
  IpAddress address;
  uint32_t before = 0;  // slots it owns, of the table before
  uint32_t after = 0;   // of the table after
  uint32_t lost = 0;    // slots that leave it, in slots of the table after
  uint32_t gained = 0;  // slots that come to it, likewise
};

struct TableMoves {
  uint32_t slots = 0;  // of the table after
  uint32_t moved = 0;  // slots whose member is another one (or none, or no longer none)
  // The fewest that any table with the same number of slots for every member would have to move.
  uint32_t least = 0;
  std::vector<MemberMoves> members;  // of either table, ranked by address
};

// Tables of different sizes are compared by the share of hashes that move, in slots of the one
// after, rounded up.
TableMoves CompareTables(const MaglevTable& before, const MaglevTable& after);

}  // namespace flyover::lb
