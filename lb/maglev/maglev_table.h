// Consistent hashing of flows onto backends, after Eisenbud et al., "Maglev: A Fast and Reliable
// Software Network Load Balancer" (NSDI 2016), section 3.4.
#pragma once

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

// An immutable map from a hash to a member's index. Built on the control thread (1 to 2 ms), then
// read by any number of threads. 128 KiB.
//
// Weights by smooth credit: in every round each member earns its weight, and takes a slot when it
// has as much as the heaviest earns. A change of one weight by 1 % therefore moves about that share
// of the slots; schemes that divide by the greatest common divisor move an eighth of them.
class MaglevTable {
 public:
  // Prime, so that every step width visits every slot. The paper asks for at least 100 slots for
  // each backend, to keep shares within about 1 % of each other.
  static constexpr uint32_t kSlots = 65'537;
  static constexpr uint16_t kNone = 0xffff;
  // Changes when the algorithm does: balancers of one service must not mix versions.
  static constexpr uint32_t kVersion = 1;

  // The order of `members` has no effect: they are ranked by address, so that two balancers with
  // the same members and seed agree on every slot.
  // Errors: kInvalidArgument   two members with one address
  //         kResourceExhausted more than 65,535 members
  static Result<MaglevTable> Build(std::vector<MaglevMember> members, uint64_t seed);

  // Index in members() of the one that owns the slot of `hash`; kNone when all weights are 0.
  // Any well mixed 32 bits will do, if nobody else chooses by the same ones.
  uint16_t Lookup(uint32_t hash) const { return slots_[ReduceHash(hash, kSlots)]; }
  void Prefetch(uint32_t hash) const { __builtin_prefetch(&slots_[ReduceHash(hash, kSlots)]); }

  bool empty() const { return slots_[0] == kNone; }
  const std::vector<MaglevMember>& members() const { return members_; }  // ranked by address
  const std::vector<uint16_t>& slots() const { return slots_; }
  // How many slots members()[i] owns, of kSlots.
  uint32_t slots_of(size_t i) const { return owned_[i]; }
  // Equal exactly when (but for chance) two tables send every flow to the same address.
  uint64_t digest() const { return digest_; }

 private:
  MaglevTable() = default;
  void Fill(uint64_t seed);

  std::vector<MaglevMember> members_;
  std::vector<uint16_t> slots_;
  std::vector<uint32_t> owned_;
  uint64_t digest_ = 0;
};

}  // namespace flyover::lb
