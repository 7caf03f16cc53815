// Consistent hashing of flows onto backends, after Eisenbud et al., "Maglev: A Fast and Reliable
// Software Network Load Balancer" (NSDI 2016), section 3.4.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/base/status.h"
#include "common/net/flow_hash.h"
#include "common/net/ip_address.h"

namespace flyover::lb {

struct MaglevMember {
  IpAddress address;    // its identity: decides its permutation of the slots
  uint16_t weight = 0;  // 0: known, but owns no slot
  auto operator<=>(const MaglevMember&) const = default;
};

// Sizes that a table may have: primes, so that every step width visits every slot.
inline constexpr std::array<uint32_t, 12> kTableSizes = {
    251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65537, 131071, 262139, 655373};
inline constexpr uint32_t kDefaultTableSize = 65'537;

// The smallest with 100 slots for each of so many backends, which keeps shares within about 1 % of
// each other (section 5.3 of the paper); the largest where none has.
uint32_t TableSizeFor(size_t backends);

// An immutable map from a hash to a member's index. Built on the control thread (about 1 ms at the
// default size), then read by any number of threads. Two bytes a slot.
//
// Weights by smooth credit: in every round each member earns its weight, and takes a slot when it
// has as much as the heaviest earns. A change of one weight by 1 % therefore moves about that share
// of the slots; schemes that divide by the greatest common divisor move an eighth of them.
class MaglevTable {
 public:
  static constexpr uint16_t kNone = 0xffff;
  // Changes when the algorithm does: balancers of one service must not mix versions.
  static constexpr uint32_t kVersion = 1;

  // The order of `members` has no effect: they are ranked by address, so that two balancers with
  // the same members, seed and size agree on every slot. `size` is one of kTableSizes.
  // Errors: kInvalidArgument   two members with one address, another size
  //         kResourceExhausted more than 65,535 members
  static Result<MaglevTable> Build(std::vector<MaglevMember> members, uint64_t seed,
                                   uint32_t size = kDefaultTableSize);

  // Index in members() of the one that owns the slot of `hash`; kNone when all weights are 0.
  // Any well mixed 32 bits will do, if nobody else chooses by the same ones.
  uint16_t Lookup(uint32_t hash) const { return slots_[ReduceHash(hash, size())]; }
  void Prefetch(uint32_t hash) const { __builtin_prefetch(&slots_[ReduceHash(hash, size())]); }

  uint32_t size() const { return static_cast<uint32_t>(slots_.size()); }
  bool empty() const { return slots_[0] == kNone; }
  const std::vector<MaglevMember>& members() const { return members_; }  // ranked by address
  const std::vector<uint16_t>& slots() const { return slots_; }
  // How many slots members()[i] owns, of size().
  uint32_t slots_of(size_t i) const { return owned_[i]; }
  // The same as a part of size(), by address; 0 for one that is no member.
  double ShareOf(const IpAddress& address) const;
  // Equal exactly when (but for chance) two tables send every flow to the same address.
  uint64_t digest() const { return digest_; }
  size_t memory_bytes() const;

 private:
  MaglevTable() = default;
  void Fill(uint64_t seed);

  std::vector<MaglevMember> members_;
  std::vector<uint16_t> slots_;
  std::vector<uint32_t> owned_;
  uint64_t digest_ = 0;
};

}  // namespace flyover::lb
