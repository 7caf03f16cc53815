#include "router/fib/fib6.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <string>
#include <utility>

#include "common/net/byte_order.h"
#include "router/fib/nexthop_group.h"

namespace flyover::router {
namespace {

Status CheckPrefix(const IpPrefix& prefix) {
  if (prefix.family() == IpFamily::kIpv6) return Status::Ok();
  return Status(StatusCode::kInvalidArgument, prefix.ToString() + " is not an IPv6 prefix");
}

uint64_t LoadBe64(const uint8_t* p) { return SwapBytes(LoadUnaligned<uint64_t>(p)); }

}  // namespace

struct Fib6::Edit {
  bool urgent = false;  // a removal or a new group for what is there: may use the headroom
  std::vector<BlockPool::Block> new_nodes;
  std::vector<BlockPool::Block> new_values;
  std::vector<BlockPool::Block> old_nodes;
  std::vector<BlockPool::Block> old_values;
};

struct Fib6::Path {
  uint32_t root = 0;   // index of the root's entry
  unsigned found = 0;  // nodes there are, from level 0
  std::array<uint32_t, kLevels> node{};
  std::array<unsigned, kLevels> slot{};  // the way down from `node`
};

Fib6::Fib6(uint32_t nodes)
    : root_(size_t{1} << kRootBits),
      nodes_(size_t{nodes} * 2 + 1),
      values_(size_t{nodes} * 2 + 1),
      node_pool_(std::make_shared<BlockPool>(nodes, nodes)),
      value_pool_(std::make_shared<BlockPool>(nodes, nodes)) {
  static_assert(kGroupBits <= kDepthShift);
  static_assert(sizeof(Node) == 32);
}

size_t Fib6::memory_bytes() const {
  return root_.size() * sizeof(root_[0]) + node_pool_->used() * sizeof(Node) +
         value_pool_->used() * sizeof(uint32_t) + rules_.memory_bytes();
}

void Fib6::Lookup(const std::array<uint8_t, 16>* const* dst, GroupId* out, unsigned n) const {
  assert(n <= kMaxBatch);
  uint64_t high[kMaxBatch];
  uint64_t low[kMaxBatch];
  for (unsigned i = 0; i < n; ++i) {
    high[i] = LoadBe64(dst[i]->data());
    low[i] = LoadBe64(dst[i]->data() + 8);
    __builtin_prefetch(&root_[high[i] >> (64 - kRootBits)]);
  }

  uint32_t group[kMaxBatch];        // of the root
  uint32_t value_index[kMaxBatch];  // of the longest match in the nodes; 0: none
  uint32_t node_index[kMaxBatch];
  uint8_t active[kMaxBatch];  // those that still have a node to visit
  unsigned active_count = 0;
  for (unsigned i = 0; i < n; ++i) {
    const uint64_t entry = root_[high[i] >> (64 - kRootBits)].load(std::memory_order_acquire);
    group[i] = RootValue(entry) & kGroupMask;
    value_index[i] = 0;
    node_index[i] = RootChild(entry);
    __builtin_prefetch(&nodes_[node_index[i]]);
    active[active_count] = static_cast<uint8_t>(i);
    active_count += node_index[i] != 0 ? 1 : 0;
  }
  for (unsigned offset = kRootBits; active_count != 0; offset += kStride) {
    const uint64_t* const half = offset < 64 ? high : low;
    unsigned next_count = 0;
    for (unsigned k = 0; k < active_count; ++k) {
      const unsigned i = active[k];
      const Node& node = nodes_[node_index[i]];
      const unsigned slot = SlotAt(half[i], offset);
      // Without branches, since no predictor knows where a walk ends: a value index that is not
      // taken and a child that does not exist cost less than a wrong guess. Runs count up to and
      // including the slot's own.
      const uint32_t run = node.values + Rank(node.run_bits, slot) +
                           static_cast<uint32_t>(node.run_bits >> slot & 1) - 1;
      const auto has_value = static_cast<uint32_t>(node.value_bits >> slot & 1);
      value_index[i] ^= (value_index[i] ^ run) & -has_value;
      node_index[i] = LoadChildren(node) + Rank(node.child_bits, slot);
      __builtin_prefetch(&nodes_[node_index[i]]);
      active[next_count] = static_cast<uint8_t>(i);
      next_count += static_cast<unsigned>(node.child_bits >> slot & 1);
    }
    active_count = next_count;
  }
  for (unsigned i = 0; i < n; ++i) __builtin_prefetch(&values_[value_index[i]]);
  const uint32_t fallback = default_.load(std::memory_order_acquire);
  for (unsigned i = 0; i < n; ++i) {
    if (value_index[i] != 0) group[i] = values_[value_index[i]] & kGroupMask;
    out[i] = GroupId(group[i] != 0 ? group[i] : fallback);
  }
}

Fib6::Path Fib6::Walk(const IpPrefix& prefix, unsigned level) const {
  const uint64_t high = LoadBe64(prefix.address().data());
  const uint64_t low = LoadBe64(prefix.address().data() + 8);
  Path path;
  path.root = static_cast<uint32_t>(high >> (64 - kRootBits));
  uint32_t index = RootChild(root_[path.root].load(std::memory_order_relaxed));
  for (unsigned l = 0; l <= level; ++l) {
    const unsigned offset = kRootBits + kStride * l;
    const unsigned slot = SlotAt(offset < 64 ? high : low, offset);
    path.slot[l] = slot;
    if (index == 0) continue;
    path.node[l] = index;
    path.found = l + 1;
    const Node& node = nodes_[index];
    index = (node.child_bits >> slot & 1) != 0 ? node.children + Rank(node.child_bits, slot) : 0;
  }
  return path;
}

Fib6::Slots Fib6::Unpack(const Node& node) const {
  Slots slots{};
  uint32_t index = node.values - 1;  // the first run adds 1
  for (unsigned s = 0; s < slots.size(); ++s) {
    index += static_cast<uint32_t>(node.run_bits >> s & 1);
    if ((node.value_bits >> s & 1) != 0) slots[s] = values_[index];
  }
  return slots;
}

bool Fib6::Pack(const Slots& slots, Node& node, Edit& edit) {
  const auto old_runs = static_cast<uint32_t>(std::popcount(node.run_bits));
  if (old_runs != 0) edit.old_values.push_back({node.values, old_runs});

  node.value_bits = 0;
  node.run_bits = 0;
  node.values = 0;
  std::array<uint32_t, 64> runs;
  unsigned count = 0;
  for (unsigned s = 0; s < slots.size(); ++s) {
    if (slots[s] == 0) continue;
    node.value_bits |= uint64_t{1} << s;
    if (s != 0 && slots[s - 1] == slots[s]) continue;
    node.run_bits |= uint64_t{1} << s;
    runs[count++] = slots[s];
  }
  if (count == 0) return true;
  node.values = value_pool_->Allocate(count, edit.urgent);
  if (node.values == BlockPool::kNone) return false;
  edit.new_values.push_back({node.values, count});
  std::copy_n(runs.begin(), count, &values_[node.values]);
  return true;
}

bool Fib6::NewNode(const Node& node, uint32_t& index, Edit& edit) {
  index = node_pool_->Allocate(1, edit.urgent);
  if (index == BlockPool::kNone) return false;
  edit.new_nodes.push_back({index, 1});
  nodes_[index] = node;
  return true;
}

bool Fib6::ReplaceNode(const Path& path, unsigned level, const Node& node, Edit& edit) {
  if (level == 0) {
    uint32_t index = 0;
    if (!NewNode(node, index, edit)) return false;
    edit.old_nodes.push_back({path.node[0], 1});
    std::atomic<uint64_t>& entry = root_[path.root];
    const uint64_t value = RootValue(entry.load(std::memory_order_relaxed));
    entry.store(uint64_t{index} << 32 | value, std::memory_order_release);
    return true;
  }
  Node& parent = nodes_[path.node[level - 1]];
  const auto count = static_cast<unsigned>(std::popcount(parent.child_bits));
  const uint32_t block = node_pool_->Allocate(count, edit.urgent);
  if (block == BlockPool::kNone) return false;
  edit.new_nodes.push_back({block, count});
  edit.old_nodes.push_back({parent.children, count});
  std::copy_n(&nodes_[parent.children], count, &nodes_[block]);
  nodes_[block + Rank(parent.child_bits, path.slot[level - 1])] = node;
  __atomic_store_n(&parent.children, block, __ATOMIC_RELEASE);
  return true;
}

bool Fib6::AddPath(const Path& path, unsigned level, uint32_t value, Edit& edit) {
  // From the new prefix's node up to the first that hangs below what there is.
  Node top;
  const unsigned span = 1u << (kStride - DepthOf(value));
  Slots slots{};
  std::fill_n(slots.begin() + path.slot[level], span, value);
  if (!Pack(slots, top, edit)) return false;
  for (unsigned l = level; l > path.found; --l) {
    Node above;
    above.child_bits = uint64_t{1} << path.slot[l - 1];
    if (!NewNode(top, above.children, edit)) return false;
    top = above;
  }
  if (path.found == 0) {
    uint32_t index = 0;
    if (!NewNode(top, index, edit)) return false;
    std::atomic<uint64_t>& entry = root_[path.root];
    const uint64_t root_value = RootValue(entry.load(std::memory_order_relaxed));
    entry.store(uint64_t{index} << 32 | root_value, std::memory_order_release);
    return true;
  }
  Node parent = nodes_[path.node[path.found - 1]];
  const unsigned slot = path.slot[path.found - 1];
  const auto count = static_cast<unsigned>(std::popcount(parent.child_bits));
  const unsigned rank = Rank(parent.child_bits, slot);
  const uint32_t block = node_pool_->Allocate(count + 1, edit.urgent);
  if (block == BlockPool::kNone) return false;
  edit.new_nodes.push_back({block, count + 1});
  if (count != 0) edit.old_nodes.push_back({parent.children, count});
  std::copy_n(&nodes_[parent.children], rank, &nodes_[block]);
  nodes_[block + rank] = top;
  std::copy_n(&nodes_[parent.children + rank], count - rank, &nodes_[block + rank + 1]);
  parent.child_bits |= uint64_t{1} << slot;
  parent.children = block;
  return ReplaceNode(path, path.found - 1, parent, edit);
}

bool Fib6::RemoveNode(const Path& path, unsigned level, Edit& edit) {
  if (level == 0) {
    edit.old_nodes.push_back({path.node[0], 1});
    std::atomic<uint64_t>& entry = root_[path.root];
    entry.store(RootValue(entry.load(std::memory_order_relaxed)), std::memory_order_release);
    return true;
  }
  Node parent = nodes_[path.node[level - 1]];
  const unsigned slot = path.slot[level - 1];
  const auto count = static_cast<unsigned>(std::popcount(parent.child_bits));
  edit.old_nodes.push_back({parent.children, count});
  if (count == 1 && parent.value_bits == 0) return RemoveNode(path, level - 1, edit);

  uint32_t block = 0;
  if (count > 1) {
    const unsigned rank = Rank(parent.child_bits, slot);
    block = node_pool_->Allocate(count - 1, edit.urgent);
    if (block == BlockPool::kNone) return false;
    edit.new_nodes.push_back({block, count - 1});
    std::copy_n(&nodes_[parent.children], rank, &nodes_[block]);
    std::copy_n(&nodes_[parent.children + rank + 1], count - rank - 1, &nodes_[block + rank]);
  }
  parent.child_bits &= ~(uint64_t{1} << slot);
  parent.children = block;
  return ReplaceNode(path, level - 1, parent, edit);
}

uint32_t Fib6::CoveringValue(const IpPrefix& prefix, unsigned base) const {
  for (unsigned l = prefix.length() - 1; l > base; --l) {
    if (const uint32_t* const group = rules_.Find(IpPrefix(prefix.address(), l))) {
      return Encode(l - base, *group);
    }
  }
  return 0;
}

bool Fib6::EditNodes(const IpPrefix& prefix, uint32_t group, Edit& edit) {
  const unsigned level = (prefix.length() - kRootBits - 1) / kStride;
  const unsigned base = kRootBits + kStride * level;
  const unsigned depth = prefix.length() - base;
  const Path path = Walk(prefix, level);
  if (path.found <= level) return AddPath(path, level, Encode(depth, group), edit);

  Node node = nodes_[path.node[level]];
  Slots slots = Unpack(node);
  const unsigned first = path.slot[level];
  const uint32_t value = group != 0 ? Encode(depth, group) : CoveringValue(prefix, base);
  for (unsigned s = first; s < first + (1u << (kStride - depth)); ++s) {
    // Within this prefix, slots of its length are its own.
    if (group != 0 ? DepthOf(slots[s]) <= depth : DepthOf(slots[s]) == depth) slots[s] = value;
  }
  if (!Pack(slots, node, edit)) return false;
  if (node.child_bits == 0 && node.value_bits == 0) return RemoveNode(path, level, edit);
  return ReplaceNode(path, level, node, edit);
}

void Fib6::EditRoot(const IpPrefix& prefix, uint32_t group) {
  const unsigned length = prefix.length();
  if (length == 0) {
    default_.store(group, std::memory_order_release);
    return;
  }
  const uint32_t value = group != 0 ? Encode(length, group) : CoveringValue(prefix, 0);
  const size_t first = LoadBe16(prefix.address().data());
  for (size_t i = first; i < first + (size_t{1} << (kRootBits - length)); ++i) {
    const uint64_t entry = root_[i].load(std::memory_order_relaxed);
    const unsigned depth = DepthOf(RootValue(entry));
    if (group != 0 ? depth <= length : depth == length) {
      root_[i].store(uint64_t{RootChild(entry)} << 32 | value, std::memory_order_release);
    }
  }
}

Status Fib6::EditWithRoom(const IpPrefix& prefix, uint32_t group, QsbrDomain& qsbr) {
  if (prefix.length() <= kRootBits) {
    EditRoot(prefix, group);
    return Status::Ok();
  }
  for (const bool last_try : {false, true}) {
    Edit edit;
    edit.urgent = group == 0 || rules_.Find(prefix) != nullptr;
    if (EditNodes(prefix, group, edit)) {
      BlockPool::Retire(node_pool_, std::move(edit.old_nodes), qsbr);
      BlockPool::Retire(value_pool_, std::move(edit.old_values), qsbr);
      return Status::Ok();
    }
    for (const BlockPool::Block& block : edit.new_nodes) node_pool_->Free(block);
    for (const BlockPool::Block& block : edit.new_values) value_pool_->Free(block);
    if (!last_try) qsbr.Reclaim();
  }
  return Status(
      StatusCode::kResourceExhausted,
      prefix.ToString() + ": the table's " + std::to_string(capacity()) + " nodes are in use");
}

Status Fib6::Add(const IpPrefix& prefix, GroupId group, QsbrDomain& qsbr) {
  if (Status status = CheckPrefix(prefix); !status.ok()) return status;
  if (group.value() == 0 || group.value() >> kGroupBits != 0) {
    return Status(StatusCode::kInvalidArgument, "group " + std::to_string(group.value()) +
                                                    " is not in [1, 2^" +
                                                    std::to_string(kGroupBits) + ")");
  }
  if (Status status = EditWithRoom(prefix, group.value(), qsbr); !status.ok()) return status;
  rules_[prefix] = group.value();
  return Status::Ok();
}

Status Fib6::Remove(const IpPrefix& prefix, QsbrDomain& qsbr) {
  if (Status status = CheckPrefix(prefix); !status.ok()) return status;
  if (rules_.Find(prefix) == nullptr) {
    return Status(StatusCode::kNotFound, prefix.ToString() + " is not in the table");
  }
  if (Status status = EditWithRoom(prefix, 0, qsbr); !status.ok()) return status;
  rules_.Erase(prefix);
  return Status::Ok();
}

}  // namespace flyover::router
