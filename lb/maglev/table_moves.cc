#include "lb/maglev/table_moves.h"

#include <algorithm>

namespace flyover::lb {
namespace {

// Which of `all` each member of a table is; both are ranked by address.
std::vector<size_t> PlacesIn(const std::vector<MemberMoves>& all, const MaglevTable& table) {
  std::vector<size_t> places;
  size_t at = 0;
  for (const MaglevMember& member : table.members()) {
    while (all[at].address != member.address) ++at;
    places.push_back(at);
  }
  return places;
}

std::vector<MemberMoves> Union(const MaglevTable& before, const MaglevTable& after) {
  std::vector<IpAddress> addresses;
  for (const MaglevTable* table : {&before, &after}) {
    for (const MaglevMember& member : table->members()) addresses.push_back(member.address);
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  std::vector<MemberMoves> all;
  all.reserve(addresses.size());
  for (const IpAddress& address : addresses) all.push_back({address, 0, 0, 0, 0});
  return all;
}

}  // namespace

TableMoves CompareTables(const MaglevTable& before, const MaglevTable& after) {
  TableMoves moves;
  moves.slots = after.size();
  moves.members = Union(before, after);
  const size_t nobody = moves.members.size();
  const std::vector<size_t> old_places = PlacesIn(moves.members, before);
  const std::vector<size_t> new_places = PlacesIn(moves.members, after);
  for (size_t i = 0; i < old_places.size(); ++i) {
    moves.members[old_places[i]].before = before.slots_of(i);
  }
  for (size_t i = 0; i < new_places.size(); ++i) {
    moves.members[new_places[i]].after = after.slots_of(i);
  }

  // Hashes in units of which a slot before has `old_width` and a slot after `new_width`.
  const uint64_t old_width = after.size();
  const uint64_t new_width = before.size();
  std::vector<uint64_t> lost(nobody + 1);
  std::vector<uint64_t> gained(nobody + 1);
  uint64_t moved = 0;
  for (uint32_t i = 0, j = 0; i < before.size() && j < after.size();) {
    const uint16_t a = before.slots()[i];
    const uint16_t b = after.slots()[j];
    const size_t from = a == MaglevTable::kNone ? nobody : old_places[a];
    const size_t to = b == MaglevTable::kNone ? nobody : new_places[b];
    const uint64_t old_end = (i + uint64_t{1}) * old_width;
    const uint64_t new_end = (j + uint64_t{1}) * new_width;
    const uint64_t here = std::min(old_end, new_end) - std::max(i * old_width, j * new_width);
    if (from != to) {
      moved += here;
      lost[from] += here;
      gained[to] += here;
    }
    i += old_end <= new_end ? 1 : 0;
    j += new_end <= old_end ? 1 : 0;
  }

  const auto in_slots = [&](uint64_t units) {
    return static_cast<uint32_t>((units + new_width - 1) / new_width);
  };
  uint64_t least = before.empty() && !after.empty() ? after.size() * new_width : 0;
  for (size_t m = 0; m < nobody; ++m) {
    moves.members[m].lost = in_slots(lost[m]);
    moves.members[m].gained = in_slots(gained[m]);
    const uint64_t had = moves.members[m].before * old_width;
    const uint64_t has = moves.members[m].after * new_width;
    if (had > has) least += had - has;
  }
  moves.moved = in_slots(moved);
  moves.least = in_slots(least);
  return moves;
}

}  // namespace flyover::lb
