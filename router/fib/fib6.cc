#include "router/fib/fib6.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <string>
#include <utility>

#include "router/fib/nexthop_group.h"

namespace flyover::router {
namespace {

Status CheckPrefix(const IpPrefix& prefix) {
  if (prefix.family() == IpFamily::kIpv6) return Status::Ok();
  return Status(StatusCode::kInvalidArgument, prefix.ToString() + " is not an IPv6 prefix");
}

IpPrefix PrefixOf(const Ipv6Key& key, unsigned length) {
  Ipv6Address address;
  StoreUnaligned(address.bytes.data(), SwapBytes(key.high));
  StoreUnaligned(address.bytes.data() + 8, SwapBytes(key.low));
  return {address, length};
}

void FreeAll(std::vector<BlockPool::Block>& blocks, BlockPool& pool) {
  for (const BlockPool::Block& block : blocks) pool.Free(block);
  blocks.clear();
}

constexpr unsigned kShortRule = 63;
uint64_t ShortRuleKey(uint64_t high, unsigned length) {
  return (length == 0 ? 0 : high & ~uint64_t{0} << (64 - length)) | uint64_t{1} << (63 - length);
}

}  // namespace

struct Fib6::Edit {
  Ipv6Key key;
  unsigned length = 0;
  bool add = false;
  uint32_t value = 0;   // becomes the entry of what it may overwrite
  bool urgent = false;  // a removal or a new group for what is there: may use the headroom
  bool failed = false;  // no room
  std::vector<BlockPool::Block> new_lines, new_values, new_wides;
  std::vector<BlockPool::Block> old_lines, old_values, old_wides;
  std::vector<uint32_t> below;  // nodes inside the prefix

  // Inside a prefix that goes, leaves of its length are its own.
  bool MayOverwrite(uint32_t leaf) const {
    return add ? LengthOf(leaf) <= length : LengthOf(leaf) == length;
  }
};

Fib6::Fib6(uint32_t nodes, Pages pages)
    : root_(size_t{1} << kChunkBits, pages),
      lines_(size_t{nodes} * 2 + 1, pages),
      wides_((size_t{nodes / 256} * 2 + 1) * kWideWords, pages),
      values_(size_t{nodes} * 2 + 1, pages),
      line_pool_(std::make_shared<BlockPool>(nodes, nodes)),
      wide_pool_(std::make_shared<BlockPool>(nodes / 256, nodes / 256)),
      value_pool_(std::make_shared<BlockPool>(nodes, nodes)),
      wide_ranges_(size_t{nodes / 256} * 2 + 1) {
  static_assert(kGroupBits <= kLengthShift);
  static_assert(sizeof(Line) == 64);
}

size_t Fib6::table_bytes() const {
  return root_.size() * sizeof(Entry) + line_pool_->used() * sizeof(Line) +
         wide_pool_->used() * kWideWords * sizeof(WideWord) + value_pool_->used() * sizeof(Entry);
}

void Fib6::UnpackList(uint32_t node, uint32_t start, Ranges& ranges) {
  const Entry* const words = lines_[IndexOf(node)].word.data();
  Entry* const entries = Entries(node);
  const unsigned places = kListRanges[FormOf(node)];
  uint32_t last = 0;
  for (unsigned i = 0; i < places; ++i) {
    const uint32_t entry = entries[i].load(std::memory_order_relaxed);
    if (i != 0) {
      const unsigned s = i - 1;
      start = words[s / 2].load(std::memory_order_relaxed) >> (s % 2 * 16) & 0xffff;
      // An unused place looks like this; a range that does says nothing new.
      if (start == 0xffff && entry == last) {
        if (!IsTreeLeaf(entry)) ranges.back().places = places - i + 1;
        return;
      }
    }
    last = entry;
    if (IsTreeLeaf(entry)) {
      UnpackList(entry, start, ranges);
    } else {
      ranges.push_back({start, entry, &entries[i], 1});
    }
  }
}

void Fib6::UnpackWord(uint64_t word, uint32_t start, Ranges& ranges) {
  auto starts = static_cast<uint32_t>(word >> 32);
  auto index = static_cast<uint32_t>(word);
  if (starts == 0) ranges.push_back({start, index, nullptr, 0});
  for (; starts != 0; starts &= starts - 1, ++index) {
    const auto slot = static_cast<uint32_t>(std::countr_zero(starts));
    ranges.push_back(
        {start + slot, values_[index].load(std::memory_order_relaxed), &values_[index], 1});
  }
}

void Fib6::Unpack(uint32_t node, Ranges& ranges) {
  if (!IsPointer(node)) {
    ranges.push_back({0, node, nullptr, 0});
  } else if (FormOf(node) != kWide) {
    UnpackList(node, 0, ranges);
  } else {
    const WideWord* const words = Wide(IndexOf(node));
    for (unsigned w = 0; w < kWideWords; ++w) {
      UnpackWord(words[w].load(std::memory_order_relaxed), w * 32, ranges);
    }
  }
}

uint32_t Fib6::PackList(const Range* ranges, size_t n, Step step, Edit& edit) {
  const Form form = n <= kListRanges[kList1] ? kList1 : n <= kListRanges[kList2] ? kList2 : kList3;
  const unsigned size = form + 1;
  const uint32_t index = line_pool_->Allocate(size, edit.urgent);
  if (index == BlockPool::kNone) {
    edit.failed = true;
    return 0;
  }
  edit.new_lines.push_back({index, size});
  const uint32_t node = Point(form, step, index);
  Entry* const words = lines_[index].word.data();
  const unsigned places = kListRanges[form];
  const auto start = [&](size_t i) { return i < n ? ranges[i].start : 0xffff; };
  for (unsigned i = 1; i < places; i += 2) {
    words[i / 2].store(start(i) | start(i + 1) << 16, std::memory_order_relaxed);
  }
  Entry* const entries = Entries(node);
  for (unsigned i = 0; i < places; ++i) {
    entries[i].store(ranges[std::min<size_t>(i, n - 1)].entry, std::memory_order_relaxed);
  }
  return node;
}

uint32_t Fib6::PackTree(const Ranges& ranges, Step step, Edit& edit) {
  const size_t n = ranges.size();
  // Leaves of one line where their list then has one line too.
  const size_t per_leaf =
      n <= kListRanges[kList1] * kListRanges[kList1] ? kListRanges[kList1] : kListRanges[kList2];
  const size_t leaves = (n + per_leaf - 1) / per_leaf;
  Ranges upper;
  for (size_t l = 0; l < leaves; ++l) {
    const size_t first = n * l / leaves;
    const size_t end = n * (l + 1) / leaves;
    upper.push_back(
        {ranges[first].start, PackList(&ranges[first], end - first, kSameChunk, edit), nullptr, 0});
    if (edit.failed) return 0;
  }
  return PackList(upper.data(), upper.size(), step, edit);
}

uint64_t Fib6::PackWord(const Range* ranges, size_t n, Edit& edit) {
  if (n == 1) return ranges[0].entry;
  const uint32_t index = value_pool_->Allocate(static_cast<unsigned>(n), edit.urgent);
  if (index == BlockPool::kNone) {
    edit.failed = true;
    return 0;
  }
  edit.new_values.push_back({index, static_cast<uint32_t>(n)});
  uint32_t starts = 0;
  for (size_t i = 0; i < n; ++i) {
    starts |= 1u << (i == 0 ? 0 : ranges[i].start % 32);
    values_[index + i].store(ranges[i].entry, std::memory_order_relaxed);
  }
  return uint64_t{starts} << 32 | index;
}

uint32_t Fib6::PackWide(const Ranges& ranges, Step step, Edit& edit) {
  const uint32_t index = wide_pool_->Allocate(1, edit.urgent);
  if (index == BlockPool::kNone) {
    edit.failed = true;
    return 0;
  }
  edit.new_wides.push_back({index, 1});
  wide_ranges_[index] = 0;
  size_t covering = 0;  // the range that the word's first value lies in
  for (unsigned w = 0; w < kWideWords; ++w) {
    size_t end = covering + 1;
    while (end < ranges.size() && ranges[end].start < (w + 1) * 32) ++end;
    if (end - covering > 1 && ranges[covering + 1].start == w * 32) ++covering;
    const uint64_t word = PackWord(&ranges[covering], end - covering, edit);
    if (edit.failed) return 0;
    Wide(index)[w].store(word, std::memory_order_relaxed);
    wide_ranges_[index] += static_cast<uint32_t>(std::popcount(word >> 32));
    covering = end - 1;
  }
  return Point(kWide, step, index);
}

uint32_t Fib6::Pack(const Ranges& ranges, unsigned depth, Edit& edit) {
  const Step step = depth == 64 ? kLowHalf : kNextChunk;
  const size_t n = ranges.size();
  if (n == 1 && !IsPointer(ranges[0].entry)) return ranges[0].entry;
  if (n <= kMaxListRanges) return PackList(ranges.data(), n, step, edit);
  if (depth == kChunkBits && n >= kEarlyWideRanges && wide_pool_->used() < kEarlyWides) {
    const uint32_t node = PackWide(ranges, step, edit);
    if (!edit.failed) return node;
    edit.failed = false;
    FreeAll(edit.new_values, *value_pool_);
    FreeAll(edit.new_wides, *wide_pool_);
  }
  return n <= kMaxTreeRanges ? PackTree(ranges, step, edit) : PackWide(ranges, step, edit);
}

void Fib6::RetireNode(uint32_t node, Edit& edit) {
  if (!IsPointer(node)) return;
  if (FormOf(node) == kWide) {
    for (unsigned w = 0; w < kWideWords; ++w) {
      RetireWord(Wide(IndexOf(node))[w].load(std::memory_order_relaxed), edit);
    }
    edit.old_wides.push_back({IndexOf(node), 1});
    return;
  }
  edit.old_lines.push_back({IndexOf(node), FormOf(node) + 1u});
  const Entry* const entries = Entries(node);
  uint32_t last = 0;
  for (unsigned i = 0; i < kListRanges[FormOf(node)]; ++i) {
    const uint32_t entry = entries[i].load(std::memory_order_relaxed);
    if (!IsTreeLeaf(entry)) return;
    if (entry != last) RetireNode(entry, edit);
    last = entry;
  }
}

void Fib6::RetireWord(uint64_t word, Edit& edit) {
  const auto n = static_cast<uint32_t>(std::popcount(word >> 32));
  if (n != 0) edit.old_values.push_back({static_cast<uint32_t>(word), n});
}

template <typename Change>
bool Fib6::ChangeRanges(const Ranges& before, uint32_t first, uint32_t last, uint32_t end,
                        Change change, Ranges& after) {
  const auto add = [&after](const Range& range) {
    if (after.empty() || after.back().entry != range.entry) after.push_back(range);
  };
  for (size_t i = 0; i < before.size(); ++i) {
    const Range& range = before[i];
    const uint32_t next = i + 1 < before.size() ? before[i + 1].start : end;
    if (next <= first || range.start > last) {
      add(range);
      continue;
    }
    if (range.start < first) add(range);
    Range changed = range;
    changed.start = std::max(range.start, first);
    changed.entry = change(range.entry);
    add(changed);
    if (next > last + 1) add({last + 1, range.entry, nullptr, 0});
  }
  return after.size() == before.size() &&
         std::equal(before.begin(), before.end(), after.begin(),
                    [](const Range& a, const Range& b) { return a.start == b.start; });
}

void Fib6::StoreInPlace(const Ranges& before, const Ranges& after) {
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i].entry == after[i].entry) continue;
    for (unsigned place = 0; place < before[i].places; ++place) {
      before[i].where[place].store(after[i].entry, std::memory_order_release);
    }
  }
}

template <typename Change>
uint32_t Fib6::Replace(uint32_t node, unsigned depth, uint32_t first, uint32_t last, Change change,
                       Edit& edit) {
  if (IsPointer(node) && FormOf(node) == kWide) {
    return ReplaceInWide(node, depth, first, last, change, edit);
  }
  before_.clear();
  after_.clear();
  Unpack(node, before_);
  const bool same_starts = ChangeRanges(before_, first, last, 1u << kChunkBits, change, after_);
  if (same_starts && IsPointer(node)) {
    StoreInPlace(before_, after_);
    return node;
  }
  const uint32_t fresh = Pack(after_, depth, edit);
  if (edit.failed) return node;
  RetireNode(node, edit);
  return fresh;
}

template <typename Change>
uint32_t Fib6::ReplaceInWide(uint32_t node, unsigned depth, uint32_t first, uint32_t last,
                             Change change, Edit& edit) {
  const uint32_t index = IndexOf(node);
  struct NewWord {
    unsigned at;
    uint64_t word;
  };
  std::vector<NewWord> fresh;  // published when nothing can fail any more
  const size_t below = edit.below.size();
  for (const bool store : {false, true}) {
    edit.below.resize(below);  // named in both rounds
    for (unsigned w = first / 32; w <= last / 32; ++w) {
      const uint64_t old = Wide(index)[w].load(std::memory_order_relaxed);
      before_.clear();
      after_.clear();
      UnpackWord(old, w * 32, before_);
      const bool same_starts =
          ChangeRanges(before_, std::max(first, w * 32), std::min(last, w * 32 + 31), w * 32 + 32,
                       change, after_);
      if (same_starts && before_[0].where != nullptr) {
        if (store) StoreInPlace(before_, after_);
      } else if (!store && !(same_starts && before_[0].entry == after_[0].entry)) {
        fresh.push_back({w, PackWord(after_.data(), after_.size(), edit)});
        if (edit.failed) return node;
      }
    }
  }
  uint32_t& ranges = wide_ranges_[index];
  for (const NewWord& n : fresh) {
    const uint64_t old = Wide(index)[n.at].load(std::memory_order_relaxed);
    RetireWord(old, edit);
    ranges += static_cast<uint32_t>(std::popcount(n.word >> 32));
    ranges -= static_cast<uint32_t>(std::popcount(old >> 32));
    Wide(index)[n.at].store(n.word, std::memory_order_release);
  }
  // What is published must not be freed with what a failure leaves.
  edit.new_values.clear();
  if (ranges > kEarlyWideRanges / 4) return node;
  return Narrow(node, depth, edit);
}

uint32_t Fib6::Narrow(uint32_t wide, unsigned depth, Edit& edit) {
  before_.clear();
  after_.clear();
  Unpack(wide, before_);
  ChangeRanges(
      before_, 0, 0, 1u << kChunkBits, [](uint32_t entry) { return entry; }, after_);
  // An edit takes away two ranges at most, so it is a list long before it is a leaf. Only a leaf
  // could make the chunk above ask for room, when this one is changed already.
  if (after_.size() > kMaxListRanges / 2 || (after_.size() == 1 && depth != kChunkBits))
    return wide;
  const uint32_t node = Pack(after_, depth, edit);
  if (edit.failed) {
    edit.failed = false;  // it stays as it is
    return wide;
  }
  RetireNode(wide, edit);
  return node;
}

uint32_t Fib6::Descend(uint32_t node, unsigned depth, Edit& edit) {
  const unsigned chunk = ChunkOf(edit.key, depth);
  if (edit.length > depth + kChunkBits) {
    uint32_t entry = node;
    if (IsPointer(entry)) entry = Next(entry, chunk);
    if (IsTreeLeaf(entry)) entry = Next(entry, chunk);
    const uint32_t below = Descend(entry, depth + kChunkBits, edit);
    if (edit.failed || below == entry) return node;
    return Replace(
        node, depth, chunk, chunk, [below](uint32_t) { return below; }, edit);
  }
  const uint32_t last = chunk + (1u << (depth + kChunkBits - edit.length)) - 1;
  return Replace(
      node, depth, chunk, last,
      [&edit](uint32_t entry) {
        if (IsPointer(entry)) {
          edit.below.push_back(entry);
          return entry;
        }
        return edit.MayOverwrite(entry) ? edit.value : entry;
      },
      edit);
}

void Fib6::Fill(uint32_t node, const Edit& edit) {
  const auto fill = [&](Entry& place) {
    const uint32_t entry = place.load(std::memory_order_relaxed);
    if (IsPointer(entry)) {
      Fill(entry, edit);
    } else if (edit.MayOverwrite(entry)) {
      place.store(edit.value, std::memory_order_release);
    }
  };
  if (FormOf(node) != kWide) {
    Entry* const entries = Entries(node);
    for (unsigned i = 0; i < kListRanges[FormOf(node)]; ++i) fill(entries[i]);
    return;
  }
  for (unsigned w = 0; w < kWideWords; ++w) {
    WideWord& word = Wide(IndexOf(node))[w];
    const uint64_t old = word.load(std::memory_order_relaxed);
    const auto n = static_cast<uint32_t>(std::popcount(old >> 32));
    for (uint32_t i = 0; i < n; ++i) fill(values_[static_cast<uint32_t>(old) + i]);
    if (n == 0 && edit.MayOverwrite(static_cast<uint32_t>(old))) {
      word.store(edit.value, std::memory_order_release);
    }
  }
}

bool Fib6::ChangeTables(Edit& edit) {
  if (edit.length == 0) {
    default_.store(edit.add ? edit.value & kGroupMask : 0, std::memory_order_release);
    return true;
  }
  const unsigned first = ChunkOf(edit.key, 0);
  if (edit.length <= kChunkBits) {
    for (unsigned i = first; i < first + (1u << (kChunkBits - edit.length)); ++i) {
      const uint32_t entry = root_[i].load(std::memory_order_relaxed);
      if (IsPointer(entry)) {
        Fill(entry, edit);
      } else if (edit.MayOverwrite(entry)) {
        root_[i].store(edit.value, std::memory_order_release);
      }
    }
    return true;
  }
  const uint32_t old = root_[first].load(std::memory_order_relaxed);
  const uint32_t fresh = Descend(old, kChunkBits, edit);
  if (edit.failed) return false;
  if (fresh != old) root_[first].store(fresh, std::memory_order_release);
  for (const uint32_t node : edit.below) Fill(node, edit);
  return true;
}

uint32_t* Fib6::FindRule(const Ipv6Key& address, unsigned length) {
  if (length <= kShortRule) return short_rules_.Find(ShortRuleKey(address.high, length));
  return long_rules_.Find(PrefixOf(address, length));
}

uint32_t Fib6::CoveringEntry(const Ipv6Key& address, unsigned length) const {
  // Their misses overlap.
  for (unsigned l = std::min(length - 1, kShortRule); l > 0; --l) {
    if (rules_by_length_[l] != 0) short_rules_.Prefetch(ShortRuleKey(address.high, l));
  }
  for (unsigned l = length - 1; l > 0; --l) {
    if (rules_by_length_[l] == 0) continue;
    if (const uint32_t* const group = FindRule(address, l)) return Leaf(l, *group);
  }
  return 0;
}

Status Fib6::Apply(const Ipv6Key& key, unsigned length, uint32_t group, bool urgent,
                   QsbrDomain& qsbr) {
  for (const bool last_try : {false, true}) {
    Edit edit;
    edit.key = key;
    edit.length = length;
    edit.add = group != 0;
    edit.urgent = urgent;
    if (length != 0) edit.value = group != 0 ? Leaf(length, group) : CoveringEntry(key, length);
    if (length == 0) edit.value = group;
    if (ChangeTables(edit)) {
      BlockPool::Retire(line_pool_, std::move(edit.old_lines), qsbr);
      BlockPool::Retire(value_pool_, std::move(edit.old_values), qsbr);
      BlockPool::Retire(wide_pool_, std::move(edit.old_wides), qsbr);
      return Status::Ok();
    }
    FreeAll(edit.new_lines, *line_pool_);
    FreeAll(edit.new_values, *value_pool_);
    FreeAll(edit.new_wides, *wide_pool_);
    if (!last_try) qsbr.Reclaim();
  }
  return Status(StatusCode::kResourceExhausted, PrefixOf(key, length).ToString() +
                                                    ": the table's " + std::to_string(capacity()) +
                                                    " cache lines are in use");
}

Status Fib6::Add(const IpPrefix& prefix, GroupId group, QsbrDomain& qsbr) {
  if (Status status = CheckPrefix(prefix); !status.ok()) return status;
  if (group.value() == 0 || group.value() >> kGroupBits != 0) {
    return Status(StatusCode::kInvalidArgument, "group " + std::to_string(group.value()) +
                                                    " is not in [1, 2^" +
                                                    std::to_string(kGroupBits) + ")");
  }
  const Ipv6Key key = Ipv6Key::Of(prefix.address().data());
  const unsigned length = prefix.length();
  uint32_t* const known = FindRule(key, length);
  if (Status status = Apply(key, length, group.value(), known != nullptr, qsbr); !status.ok()) {
    return status;
  }
  if (known != nullptr) {
    *known = group.value();
    return Status::Ok();
  }
  ++rules_by_length_[length];
  if (length <= kShortRule) {
    short_rules_[ShortRuleKey(key.high, length)] = group.value();
  } else {
    long_rules_[prefix] = group.value();
  }
  return Status::Ok();
}

Status Fib6::Remove(const IpPrefix& prefix, QsbrDomain& qsbr) {
  if (Status status = CheckPrefix(prefix); !status.ok()) return status;
  const Ipv6Key key = Ipv6Key::Of(prefix.address().data());
  const unsigned length = prefix.length();
  if (FindRule(key, length) == nullptr) {
    return Status(StatusCode::kNotFound, prefix.ToString() + " is not in the table");
  }
  if (Status status = Apply(key, length, 0, true, qsbr); !status.ok()) return status;
  --rules_by_length_[length];
  if (length <= kShortRule) {
    short_rules_.Erase(ShortRuleKey(key.high, length));
  } else {
    long_rules_.Erase(prefix);
  }
  return Status::Ok();
}

}  // namespace flyover::router
