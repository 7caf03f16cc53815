#include "lb/maglev/maglev_table.h"

#include <algorithm>

namespace flyover::lb {
namespace {

constexpr uint64_t kKeyUse = 2;  // KeyFromSeed: 1 is the flow hash

uint64_t HashAddress(const HashKey& key, const IpAddress& address) {
  const uint64_t high = LoadUnaligned<uint64_t>(address.data());
  const uint64_t low = LoadUnaligned<uint64_t>(address.data() + 8);
  const uint64_t mixed = Mum(high ^ key.a, low ^ key.b);
  return Mum(mixed ^ key.b, key.a ^ static_cast<uint64_t>(address.family()));
}

// A member's walk over the slots: every slot once, then again from the start.
class Walk {
 public:
  explicit Walk(uint64_t hash)
      : position_(ReduceHash(static_cast<uint32_t>(hash >> 32), MaglevTable::kSlots)),
        step_(1 + ReduceHash(static_cast<uint32_t>(hash), MaglevTable::kSlots - 1)) {}

  uint32_t Next() {
    const uint32_t here = position_;
    position_ += step_;  // both below 65537: no overflow, and no division
    if (position_ >= MaglevTable::kSlots) position_ -= MaglevTable::kSlots;
    return here;
  }

 private:
  uint32_t position_;
  uint32_t step_;
};

}  // namespace

Result<MaglevTable> MaglevTable::Build(std::vector<MaglevMember> members, uint64_t seed) {
  if (members.size() > kNone) {
    return Status(StatusCode::kResourceExhausted,
                  "a pool takes up to 65535 backends, not " + std::to_string(members.size()));
  }
  std::sort(members.begin(), members.end());
  const auto twin = std::adjacent_find(members.begin(), members.end(),
                                       [](auto& a, auto& b) { return a.address == b.address; });
  if (twin != members.end()) {
    return Status(StatusCode::kInvalidArgument,
                  twin->address.ToString() + " is in the pool more than once");
  }
  MaglevTable table;
  table.members_ = std::move(members);
  table.Fill(seed);
  return table;
}

void MaglevTable::Fill(uint64_t seed) {
  slots_.assign(kSlots, kNone);
  owned_.assign(members_.size(), 0);

  struct Turn {
    Walk walk;
    uint32_t weight;
    uint32_t credit;
    uint16_t member;
  };
  const HashKey key = KeyFromSeed(seed, kKeyUse);
  std::vector<uint64_t> identity(members_.size());
  std::vector<Turn> turns;
  uint32_t heaviest = 0;
  for (size_t i = 0; i < members_.size(); ++i) {
    identity[i] = HashAddress(key, members_[i].address);
    if (members_[i].weight == 0) continue;
    turns.push_back({Walk(identity[i]), members_[i].weight, 0, static_cast<uint16_t>(i)});
    heaviest = std::max<uint32_t>(heaviest, members_[i].weight);
  }
  if (!turns.empty()) {
    for (uint32_t filled = 0; filled < kSlots;) {
      for (Turn& turn : turns) {
        turn.credit += turn.weight;
        if (turn.credit < heaviest) continue;
        turn.credit -= heaviest;
        uint32_t slot = turn.walk.Next();
        while (slots_[slot] != kNone) slot = turn.walk.Next();
        slots_[slot] = turn.member;
        ++owned_[turn.member];
        if (++filled == kSlots) break;
      }
    }
  }
  digest_ = Mum(kVersion ^ key.a, key.b);
  for (const uint16_t member : slots_) {
    digest_ = Mum(digest_ ^ (member == kNone ? 0 : identity[member]), key.b) + 1;
  }
}

}  // namespace flyover::lb
