// IPv6 longest-prefix match: a direct root on 16 bits, then nodes of 6 bits whose children and
// values lie packed and are found by counting bits (tree bitmap: Eatherton, Varghese, Dittia, "Tree
// bitmap: hardware/software IP lookups with incremental updates", CCR 2004; values expanded to the
// node's 64 slots as in multibit tries).
//
// A prefix lies in one node only and is not pushed down: a walk remembers the last value that it
// passed. So a change rebuilds one node, however many longer prefixes there are below it.
//
// Order of the writer: a node never changes but for the place of its children. The changed node is
// written into a copy of the block that it lies in with its siblings; one release store, in its
// parent, publishes the copy; the old block is retired.
//
// Guarantee: a lookup gives, for each address, the group of a prefix that covered it at some moment
// of the call, and of the longest such prefix where the prefixes that cover it do not change
// meanwhile.
//
// Memory: 512 KiB, and about 32 bytes for each 6 bits of a path that no other prefix shares.
// Threads: Lookup from any lcore; everything else on the control thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "common/net/ip_prefix.h"
#include "common/rcu/qsbr_domain.h"
#include "router/fib/block_pool.h"
#include "router/fib/flat_map.h"
#include "router/fib/mapped_array.h"

namespace flyover::router {

class Fib6 {
 public:
  static constexpr unsigned kMaxBatch = 64;
  static constexpr uint32_t kDefaultNodes = 1u << 22;

  // At most `nodes` nodes, and as many values.
  explicit Fib6(uint32_t nodes = kDefaultNodes);

  // out[i] = group of the longest prefix that covers *dst[i] (network order), GroupId(0) where none
  // does. REQUIRES: n <= kMaxBatch.
  void Lookup(const std::array<uint8_t, 16>* const* dst, GroupId* out, unsigned n) const;

  // Adds the prefix, or gives it another group.
  // Errors: kInvalidArgument    not IPv6, or a group outside [1, 2^kGroupBits)
  //         kResourceExhausted  no room for its nodes; nothing has changed
  Status Add(const IpPrefix& prefix, GroupId group, QsbrDomain& qsbr);
  // Errors: kInvalidArgument, kNotFound; kResourceExhausted when lcores have stalled so long that
  // there is no room for the copy: the route stays.
  Status Remove(const IpPrefix& prefix, QsbrDomain& qsbr);

  size_t size() const { return rules_.size(); }
  size_t memory_bytes() const;
  uint32_t capacity() const { return node_pool_->limit(); }
  // Those in their grace period included.
  uint32_t nodes_used() const { return node_pool_->used(); }
  uint32_t values_used() const { return value_pool_->used(); }

 private:
  static constexpr unsigned kRootBits = 16;
  static constexpr unsigned kStride = 6;
  static constexpr unsigned kLevels = (128 - kRootBits + kStride - 1) / kStride;

  struct alignas(32) Node {
    uint64_t child_bits = 0;  // slot has a child
    uint64_t value_bits = 0;  // slot is covered by a prefix of this node
    uint64_t run_bits = 0;    // slot starts a run of one value
    uint32_t children =
        0;  // first of popcount(child_bits) nodes; the only field that changes, atomically
    uint32_t values = 0;  // first of popcount(run_bits) values
  };
  // Values of a node's 64 slots, unpacked; 0 where no prefix of this node covers the slot.
  using Slots = std::array<uint32_t, 64>;
  struct Edit;  // blocks that a change allocated and those that it makes obsolete

  // A value is the group and, above it, how many bits the prefix has of its node: 1 to 6, in the
  // root 1 to 16.
  static constexpr unsigned kDepthShift = 27;
  static constexpr uint32_t kGroupMask = (1u << kDepthShift) - 1;
  static uint32_t Encode(unsigned depth, uint32_t group) {
    return static_cast<uint32_t>(depth) << kDepthShift | group;
  }
  static unsigned DepthOf(uint32_t value) { return value >> kDepthShift; }

  // Root entries: value in the low half, index of the only node of the block below in the high
  // half.
  static uint32_t RootValue(uint64_t entry) { return static_cast<uint32_t>(entry); }
  static uint32_t RootChild(uint64_t entry) { return static_cast<uint32_t>(entry >> 32); }

  static unsigned Rank(uint64_t bits, unsigned slot) {  // bits below `slot`
    return static_cast<unsigned>(__builtin_popcountll(bits & ((uint64_t{1} << slot) - 1)));
  }
  static uint32_t LoadChildren(const Node& node) {
    return __atomic_load_n(&node.children, __ATOMIC_ACQUIRE);
  }
  // The 6 bits behind the first `offset` of the address (of the last node 4, and zeros), taken from
  // the half that they lie in: no node straddles the two, since 16 + 6 * 8 = 64.
  static unsigned SlotAt(uint64_t half, unsigned offset) {
    return static_cast<unsigned>(half << (offset % 64) >> (64 - kStride));
  }

  struct Path;  // from the root to the node where a prefix ends

  Path Walk(const IpPrefix& prefix, unsigned level) const;
  Slots Unpack(const Node& node) const;
  // Those that allocate return false when there is no room; then nothing has been published.
  bool Pack(const Slots& slots, Node& node, Edit& edit);
  bool NewNode(const Node& node, uint32_t& index, Edit& edit);
  // Publishes `node` in place of the one at `level`.
  bool ReplaceNode(const Path& path, unsigned level, const Node& node, Edit& edit);
  bool AddPath(const Path& path, unsigned level, uint32_t value, Edit& edit);
  bool RemoveNode(const Path& path, unsigned level, Edit& edit);
  // Adds a prefix longer than the root, or removes it (group 0).
  bool EditNodes(const IpPrefix& prefix, uint32_t group, Edit& edit);
  void EditRoot(const IpPrefix& prefix, uint32_t group);
  Status EditWithRoom(const IpPrefix& prefix, uint32_t group, QsbrDomain& qsbr);
  // The value of the longest shorter prefix that ends in the same node, which starts at bit `base`;
  // or 0.
  uint32_t CoveringValue(const IpPrefix& prefix, unsigned base) const;

  MappedArray<std::atomic<uint64_t>> root_;
  MappedArray<Node> nodes_;
  MappedArray<uint32_t> values_;
  std::atomic<uint32_t> default_{0};
  std::shared_ptr<BlockPool> node_pool_;
  std::shared_ptr<BlockPool> value_pool_;
  FlatMap<IpPrefix, uint32_t> rules_;  // -> group
};

}  // namespace flyover::router
