// Next-hop groups: what a FIB entry points at. Routes with the same next hops share a group, so
// that the failure of a next hop is one 64-bit store however many routes use it.
//
// Threads: lcores read words and the bucket arrays behind them; the control thread writes. A bucket
// array never changes: an update publishes a new one and retires the old.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "common/rcu/qsbr_domain.h"
#include "router/fib/block_pool.h"
#include "router/fib/ecmp_buckets.h"
#include "router/fib/mapped_array.h"

namespace flyover::router {

enum class NexthopAction : uint8_t {
  kNoRoute,
  kForward,    // to the adjacency that Pick chooses
  kGlean,      // destination is on-link at port(), its neighbour unknown
  kLocal,      // an address of this box
  kBroadcast,  // of a connected subnet: never forwarded (RFC 1812 5.3.5)
  kBlackhole,
  kUnreachable,
  kProhibit,
  kHostUnreachable,  // on-link, and does not answer
  kLeak,             // look again, in the table of vrf()
};

// FIB entries leave this many bits for a group.
inline constexpr unsigned kGroupBits = 24;

// One published group. A value: it stays what it was when the group changes, until the reader's
// next quiescent point.
//
//   63    56 55    48 47                                   0
//   | action | log2 n | kForward: n == 1 an adjacency, else the address of n adjacencies;
//                       kGlean: port; kLeak: VRF |
class GroupWord {
 public:
  GroupWord() = default;
  explicit GroupWord(uint64_t word) : word_(word) {}

  NexthopAction action() const { return static_cast<NexthopAction>(word_ >> 56); }
  // kForward, to the only member: Pick gives the same for any hash.
  bool IsOneNeighbor() const {
    return word_ >> 48 == uint64_t{static_cast<uint8_t>(NexthopAction::kForward)} << 8;
  }
  // kGlean only.
  PortIndex port() const { return PortIndex(static_cast<uint8_t>(word_)); }
  // kLeak only.
  VrfIndex vrf() const { return VrfIndex(static_cast<uint8_t>(word_)); }
  // kForward only. Uses the high bits of `hash`; the same hash gives the same member as long as the
  // member stays.
  AdjacencyId Pick(uint32_t hash) const {
    const unsigned bits = bucket_bits();
    if (bits == 0) return AdjacencyId(static_cast<uint32_t>(word_));
    return buckets()[hash >> (32 - bits)];
  }
  // Prefetches what Pick(hash) will read.
  void Prefetch(uint32_t hash) const {
    if (const unsigned bits = bucket_bits(); bits != 0) {
      __builtin_prefetch(&buckets()[hash >> (32 - bits)]);
    }
  }
  size_t bucket_count() const { return size_t{1} << bucket_bits(); }
  uint64_t raw() const { return word_; }

 private:
  unsigned bucket_bits() const { return (word_ >> 48) & 0xff; }
  const AdjacencyId* buckets() const {
    return reinterpret_cast<const AdjacencyId*>(word_ & ((uint64_t{1} << 48) - 1));
  }

  uint64_t word_ = 0;
};

struct GroupMember {
  // Who it is, across versions of the group: an adjacency is replaced when its neighbour changes,
  // the member stays and keeps its flows. Unique within a group.
  uint32_t key = 0;
  AdjacencyId adjacency;
  uint32_t weight = 1;
};

struct GroupSpec {
  NexthopAction action = NexthopAction::kNoRoute;
  PortIndex port = kNoPort;               // kGlean
  std::vector<GroupMember> members = {};  // kForward: at least one, weights at least 1
  VrfIndex vrf = kMainVrf;                // kLeak
};

class GroupTable {
 public:
  // REQUIRES: capacity < 2^kGroupBits.
  explicit GroupTable(size_t capacity);
  ~GroupTable();

  // lcores. GroupId(0) gives kNoRoute.
  GroupWord Load(GroupId id) const {
    return GroupWord(words_[id.value()].load(std::memory_order_acquire));
  }
  void Prefetch(GroupId id) const { __builtin_prefetch(&words_[id.value()]); }

  // Control thread.
  // Flows stay with their member as far as the weights allow when `like` is the group that the new
  // one replaces. Errors: kResourceExhausted. The same spec with the same `like` gives the same
  // buckets on every machine.
  Result<GroupId> Create(const GroupSpec& spec, std::optional<GroupId> like = std::nullopt);
  // Lcores see the old members or the new ones, never a mixture. Flows of members that stay move
  // only where the weights demand it.
  void Update(GroupId id, const GroupSpec& spec, QsbrDomain& qsbr);
  // REQUIRES: no FIB entry points at it any more.
  void Destroy(GroupId id, QsbrDomain& qsbr);
  // Buckets by member's key, and what the last change of members or weights did to the flows. Of a
  // group that Create or Update made; empty unless it forwards.
  struct View {
    std::unordered_map<uint32_t, uint32_t> buckets;
    BucketChange last_change;
  };
  View ViewOf(GroupId id) const;
  uint32_t capacity() const { return pool_->limit(); }
  uint32_t used() const { return pool_->used(); }

 private:
  struct Buckets;  // what a word with more than one member points at
  struct Group;

  // The new version of a group whose last one was `previous`.
  static Group Build(const GroupSpec& spec, const Group* previous);

  MappedArray<std::atomic<uint64_t>> words_;
  std::shared_ptr<BlockPool> pool_;
  std::vector<Group> groups_;  // by id
};

}  // namespace flyover::router
