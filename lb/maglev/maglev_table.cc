#include "lb/maglev/maglev_table.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace flyover::lb {
namespace {

constexpr uint64_t kKeyUse = 2;  // KeyFromSeed: 1 is the flow hash

uint64_t HashAddress(const HashKey& key, const IpAddress& address) {
  const uint64_t high = LoadUnaligned<uint64_t>(address.data());
  const uint64_t low = LoadUnaligned<uint64_t>(address.data() + 8);
  const uint64_t mixed = Mum(high ^ key.a, low ^ key.b);
  return Mum(mixed ^ key.b, key.a ^ static_cast<uint64_t>(address.family()));
}

// A member's walk over the slots: every slot once, then again from the start. Positions and steps
// stay below 2^20, so nothing overflows; and nothing is divided.
class Walk {
 public:
  Walk(uint64_t hash, uint32_t size)
      : position_(ReduceHash(static_cast<uint32_t>(hash >> 32), size)),
        step_(1 + ReduceHash(static_cast<uint32_t>(hash), size - 1)) {}

  uint32_t position() const { return position_; }
  uint32_t step() const { return step_; }
  void StandAfter(uint32_t slot, uint32_t size) {
    position_ = slot + step_;
    if (position_ >= size) position_ -= size;
  }

 private:
  uint32_t position_;
  uint32_t step_;
};

struct Turn {
  Walk walk;
  uint32_t weight;
  uint32_t credit;
  uint32_t inverse;  // of the step, modulo the table's size; 0: not computed yet
  uint16_t member;
};

// x with a * x = 1 modulo the prime `size` (extended Euclid).
uint32_t Inverse(uint32_t a, uint32_t size) {
  int64_t t = 0, next_t = 1, r = size, next_r = a;
  while (next_r != 0) {
    const int64_t quotient = r / next_r;
    t = std::exchange(next_t, t - quotient * next_t);
    r = std::exchange(next_r, r - quotient * next_r);
  }
  return static_cast<uint32_t>(t < 0 ? t + size : t);
}

// Which slots are free, and the next free one of a walk.
//
// While many are free, the walk is followed. When F of M are left a walk meets a free one every M/F
// steps only, half of all steps being for the last few hundred slots: from there on it is computed
// for each free slot how many steps away it lies, and the nearest is taken. Same answer.
class FreeSlots {
 public:
  explicit FreeSlots(uint32_t size)
      : size_(size), few_(static_cast<uint32_t>(std::sqrt(size) * 0.6)), taken_(size / 64 + 1) {}

  uint32_t Take(Turn& turn, uint32_t left) {
    const uint32_t slot = left > few_ ? TakeNext(turn.walk) : TakeNearest(turn);
    turn.walk.StandAfter(slot, size_);
    return slot;
  }

 private:
  bool Taken(uint32_t slot) const { return (taken_[slot / 64] >> (slot % 64) & 1) != 0; }
  uint32_t Wrapped(uint32_t slot) const { return slot >= size_ ? slot - size_ : slot; }

  // Looks at four steps of the walk at a time: a processor guesses one branch in place of four.
  uint32_t TakeNext(const Walk& walk) {
    uint32_t at[4] = {walk.position()};
    const uint32_t two = Wrapped(2 * walk.step());
    const uint32_t four = Wrapped(2 * two);
    at[1] = Wrapped(at[0] + walk.step());
    at[2] = Wrapped(at[0] + two);
    at[3] = Wrapped(at[1] + two);
    for (;;) {
      const unsigned free = (Taken(at[0]) ? 0u : 1u) | (Taken(at[1]) ? 0u : 2u) |
                            (Taken(at[2]) ? 0u : 4u) | (Taken(at[3]) ? 0u : 8u);
      if (free != 0) {
        const uint32_t slot = at[std::countr_zero(free)];
        taken_[slot / 64] |= uint64_t{1} << (slot % 64);
        return slot;
      }
      for (uint32_t& slot : at) slot = Wrapped(slot + four);
    }
  }

  uint32_t TakeNearest(Turn& turn) {
    if (last_.empty()) {
      for (uint32_t slot = 0; slot < size_; ++slot) {
        if (!Taken(slot)) last_.push_back(slot);
      }
    }
    if (turn.inverse == 0) turn.inverse = Inverse(turn.walk.step(), size_);
    const uint32_t here = turn.walk.position();
    size_t nearest = 0;
    uint64_t steps_to_nearest = size_;
    for (size_t i = 0; i < last_.size(); ++i) {
      const uint32_t gap = last_[i] >= here ? last_[i] - here : last_[i] + size_ - here;
      const uint64_t steps = Modulo(uint64_t{gap} * turn.inverse);
      if (steps < steps_to_nearest) {
        steps_to_nearest = steps;
        nearest = i;
      }
    }
    const uint32_t slot = last_[nearest];
    last_[nearest] = last_.back();
    last_.pop_back();
    return slot;
  }

  // x % size_ for x below 2^40: a multiplication by 2^64 / size_ is at most one too small.
  uint64_t Modulo(uint64_t x) const {
    const auto quotient =
        static_cast<uint64_t>((static_cast<unsigned __int128>(x) * reciprocal_) >> 64);
    const uint64_t rest = x - quotient * size_;
    return rest >= size_ ? rest - size_ : rest;
  }

  const uint32_t size_;
  const uint32_t few_;
  const uint64_t reciprocal_ = ~uint64_t{0} / size_;
  std::vector<uint64_t> taken_;  // a bit each: fits the first-level cache
  std::vector<uint32_t> last_;   // the free ones, once they are few
};

}  // namespace

uint32_t TableSizeFor(size_t backends) {
  for (const uint32_t size : kTableSizes) {
    if (size >= 100 * backends) return size;
  }
  return kTableSizes.back();
}

Result<MaglevTable> MaglevTable::Build(std::vector<MaglevMember> members, uint64_t seed,
                                       uint32_t size) {
  if (std::find(kTableSizes.begin(), kTableSizes.end(), size) == kTableSizes.end()) {
    return Status(StatusCode::kInvalidArgument,
                  std::to_string(size) + " is no size of a Maglev table");
  }
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
  table.slots_.assign(size, kNone);
  table.Fill(seed);
  return table;
}

void MaglevTable::Fill(uint64_t seed) {
  owned_.assign(members_.size(), 0);
  const HashKey key = KeyFromSeed(seed, kKeyUse);
  std::vector<uint64_t> identity(members_.size());
  std::vector<Turn> turns;
  uint32_t heaviest = 0;
  for (size_t i = 0; i < members_.size(); ++i) {
    identity[i] = HashAddress(key, members_[i].address);
    if (members_[i].weight == 0) continue;
    turns.push_back(
        {Walk(identity[i], size()), members_[i].weight, 0, 0, static_cast<uint16_t>(i)});
    heaviest = std::max<uint32_t>(heaviest, members_[i].weight);
  }
  FreeSlots free(size());
  for (uint32_t left = turns.empty() ? 0 : size(); left != 0;) {
    for (Turn& turn : turns) {
      turn.credit += turn.weight;
      if (turn.credit < heaviest) continue;
      turn.credit -= heaviest;
      slots_[free.Take(turn, left)] = turn.member;
      ++owned_[turn.member];
      if (--left == 0) break;
    }
  }
  // A sum of terms, each of its slot's place and owner: none waits for the one before it.
  digest_ = Mum(kVersion ^ key.a, size() ^ key.b);
  for (uint32_t slot = 0; slot < size(); ++slot) {
    const uint64_t owner = slots_[slot] == kNone ? 0 : identity[slots_[slot]];
    digest_ += Mum(owner ^ key.b, (slot + uint64_t{1}) * 0x9e3779b97f4a7c15ULL ^ key.a);
  }
}

double MaglevTable::ShareOf(const IpAddress& address) const {
  const auto member =
      std::lower_bound(members_.begin(), members_.end(), address,
                       [](const MaglevMember& a, const IpAddress& b) { return a.address < b; });
  if (member == members_.end() || member->address != address) return 0;
  return owned_[static_cast<size_t>(member - members_.begin())] / static_cast<double>(size());
}

size_t MaglevTable::memory_bytes() const {
  return sizeof(*this) + members_.capacity() * sizeof(members_[0]) +
         slots_.capacity() * sizeof(slots_[0]) + owned_.capacity() * sizeof(owned_[0]);
}

}  // namespace flyover::lb
