#include "router/fib/nexthop_group.h"

#include <cassert>
#include <string>
#include <utility>

#include "router/fib/ecmp_buckets.h"

namespace flyover::router {
namespace {

constexpr unsigned kActionShift = 56;
constexpr unsigned kBucketBitsShift = 48;

uint64_t EncodeAction(NexthopAction action) {
  return static_cast<uint64_t>(action) << kActionShift;
}

}  // namespace

struct GroupTable::Buckets {
  std::vector<AdjacencyId> members;
};

struct GroupTable::Group {
  uint64_t word = 0;
  std::unique_ptr<const Buckets> buckets;  // none for a single member
  std::vector<uint32_t> keys;              // by bucket: GroupMember::key
  BucketChange last_change;
};

GroupTable::GroupTable(size_t capacity)
    : words_(capacity + 1), pool_(std::make_shared<BlockPool>(static_cast<uint32_t>(capacity))) {
  assert(capacity < size_t{1} << kGroupBits);
}

GroupTable::~GroupTable() = default;

GroupTable::Group GroupTable::Build(const GroupSpec& spec, const Group* previous) {
  Group group;
  group.word = EncodeAction(spec.action);
  if (spec.action == NexthopAction::kGlean) group.word |= spec.port.value();
  if (spec.action == NexthopAction::kLeak) group.word |= spec.vrf.value();
  if (spec.action != NexthopAction::kForward) return group;

  assert(!spec.members.empty());
  if (spec.members.size() == 1) {
    group.word |= spec.members[0].adjacency.value();
    group.keys = {spec.members[0].key};
    return group;
  }
  std::vector<WeightedMember> members;
  for (const GroupMember& m : spec.members) members.push_back({m.key, m.weight});
  const std::vector<uint16_t> assigned =
      AssignBuckets(members, previous == nullptr ? std::vector<uint32_t>{} : previous->keys);

  auto buckets = std::make_unique<Buckets>();
  buckets->members.reserve(assigned.size());
  group.keys.reserve(assigned.size());
  for (const uint16_t member : assigned) {
    buckets->members.push_back(spec.members[member].adjacency);
    group.keys.push_back(spec.members[member].key);
  }
  const auto address = reinterpret_cast<uintptr_t>(buckets->members.data());
  assert(address >> kBucketBitsShift == 0 && "user space ends below 2^48");
  const auto bits = static_cast<uint64_t>(__builtin_ctzll(assigned.size()));
  group.word |= bits << kBucketBitsShift | address;
  group.buckets = std::move(buckets);
  if (previous != nullptr && !previous->keys.empty()) {
    const BucketChange change = CompareBuckets(previous->keys, group.keys);
    // Updates that are about neighbours only move nothing and are no change.
    group.last_change = change.moved == 0 ? previous->last_change : change;
  }
  return group;
}

Result<GroupId> GroupTable::Create(const GroupSpec& spec, std::optional<GroupId> like) {
  const uint32_t index = pool_->Allocate(1);
  if (index == BlockPool::kNone) {
    return Status(StatusCode::kResourceExhausted,
                  "next-hop group table is full (" + std::to_string(capacity()) + " groups)");
  }
  if (groups_.size() <= index) groups_.resize(index + 1);
  groups_[index] = Build(spec, like ? &groups_[like->value()] : nullptr);
  words_[index].store(groups_[index].word, std::memory_order_release);
  return GroupId(index);
}

void GroupTable::Update(GroupId id, const GroupSpec& spec, QsbrDomain& qsbr) {
  Group next = Build(spec, &groups_[id.value()]);
  // Without members the group keeps in mind who had which bucket: a port that comes back gets its
  // flows back.
  if (next.keys.empty()) next.keys = groups_[id.value()].keys;
  words_[id.value()].store(next.word, std::memory_order_release);
  std::swap(groups_[id.value()], next);
  qsbr.Retire(std::move(next.buckets));
}

GroupTable::View GroupTable::ViewOf(GroupId id) const {
  const Group& group = groups_[id.value()];
  View view;
  view.last_change = group.last_change;
  if (GroupWord(group.word).action() != NexthopAction::kForward) return view;
  for (const uint32_t key : group.keys) ++view.buckets[key];
  return view;
}

void GroupTable::Destroy(GroupId id, QsbrDomain& qsbr) {
  // The word stays until the slot is given out again: an lcore may be between the FIB's entry and
  // this one.
  qsbr.Retire(std::move(groups_[id.value()].buckets));
  groups_[id.value()] = Group{};
  BlockPool::Retire(pool_, {{id.value(), 1}}, qsbr);
}

}  // namespace flyover::router
