#include "router/fib/fib4.h"

#include <algorithm>
#include <cassert>
#include <string>

#include "router/fib/nexthop_group.h"

namespace flyover::router {
namespace {

Status CheckPrefix(const IpPrefix& prefix) {
  if (prefix.family() == IpFamily::kIpv4) return Status::Ok();
  return Status(StatusCode::kInvalidArgument, prefix.ToString() + " is not an IPv4 prefix");
}

}  // namespace

Fib4::Fib4(uint32_t tbl8_groups, Pages pages)
    : tbl24_(size_t{1} << 24, pages),
      tbl8_((size_t{tbl8_groups} * kUnitsPerGroup + 1) * kUnit, pages),
      tbl8_pool_(std::make_shared<BlockPool>(tbl8_groups * kUnitsPerGroup)),
      block_rules_(size_t{tbl8_groups} * kUnitsPerGroup + 1, Pages::kSmall) {
  static_assert(kGroupBits <= kLengthShift);
  assert(tbl8_groups < kUnitMask / kUnitsPerGroup);
}

uint32_t Fib4::CoveringEntry(uint32_t address, unsigned length) const {
  const auto masked = [address](unsigned l) { return address & (~uint32_t{0} << (32 - l)); };
  // Their misses overlap; up to 31 of them one after the other would dominate a withdrawal.
  for (unsigned l = length - 1; l > 0; --l) {
    if (rules_by_length_[l] != 0) rules_.Prefetch(RuleKey(masked(l), l));
  }
  for (unsigned l = length - 1; l > 0; --l) {
    if (rules_by_length_[l] == 0) continue;
    const uint32_t* const group = rules_.Find(RuleKey(masked(l), l));
    if (group != nullptr) return Encode(l, *group);
  }
  return 0;
}

template <typename Replace>
void Fib4::Fill(Entry* first, size_t count, uint32_t entry, Replace replace) {
  for (Entry* e = first; e != first + count; ++e) {
    const uint32_t old = e->load(std::memory_order_relaxed);
    if ((old & kExtended) != 0) {
      Fill(Block(old), EntriesOf(old), entry, replace);
    } else if (replace(LengthOf(old))) {
      e->store(entry, std::memory_order_release);
    }
  }
}

template <typename Replace>
void Fib4::FillInBlock(uint32_t block, uint32_t address, unsigned length, uint32_t entry,
                       Replace replace) {
  const unsigned shift = ShiftOf(block);
  // Of a /25 in a block of four entries: two.
  Fill(Block(block) + ((address & 0xff) >> shift), size_t{1} << (32 - length - shift), entry,
       replace);
}

uint32_t Fib4::CopyToBlock(uint32_t old, unsigned shift, QsbrDomain& qsbr) {
  const unsigned units = kUnitsPerGroup >> shift;
  uint32_t unit = tbl8_pool_->Allocate(units);
  if (unit == BlockPool::kNone) {
    qsbr.Reclaim();
    unit = tbl8_pool_->Allocate(units);
    if (unit == BlockPool::kNone) return unit;
  }
  const uint32_t entry = kExtended | shift << kShiftShift | unit;
  const bool grows = (old & kExtended) != 0;
  Entry* const block = Block(entry);
  for (unsigned i = 0; i < EntriesOf(entry); ++i) {
    const uint32_t said = grows ? InBlock(old, i << shift).load(std::memory_order_relaxed) : old;
    block[i].store(said, std::memory_order_relaxed);
  }
  block_rules_[unit] = grows ? block_rules_[UnitOf(old)] : uint16_t{0};
  return entry;
}

void Fib4::RetireBlock(uint32_t entry, QsbrDomain& qsbr) {
  BlockPool::Retire(tbl8_pool_, {{UnitOf(entry), kUnitsPerGroup >> ShiftOf(entry)}}, qsbr);
}

Status Fib4::Add(const IpPrefix& prefix, GroupId group, QsbrDomain& qsbr) {
  if (Status status = CheckPrefix(prefix); !status.ok()) return status;
  if (group.value() == 0 || group.value() >> kGroupBits != 0) {
    return Status(StatusCode::kInvalidArgument, "group " + std::to_string(group.value()) +
                                                    " is not in [1, 2^" +
                                                    std::to_string(kGroupBits) + ")");
  }
  const uint32_t address = prefix.address().v4().value;
  const unsigned length = prefix.length();
  const uint64_t key = RuleKey(address, length);
  const bool known = rules_.Find(key) != nullptr;
  const uint32_t entry = Encode(length, group.value());
  const auto replace = [length](unsigned l) { return l <= length; };

  if (length == 0) {
    default_.store(group.value(), std::memory_order_release);
  } else if (length <= 24) {
    Fill(&tbl24_[address >> 8], size_t{1} << (24 - length), entry, replace);
  } else {
    Entry& slot = tbl24_[address >> 8];
    const uint32_t old = slot.load(std::memory_order_relaxed);
    const unsigned shift = std::min(32 - length, kMostShift);
    const bool fits = (old & kExtended) != 0 && ShiftOf(old) <= shift;
    const uint32_t block = fits ? old : CopyToBlock(old, shift, qsbr);
    if (block == BlockPool::kNone) {
      return Status(StatusCode::kResourceExhausted,
                    prefix.ToString() + ": all room for prefixes longer than /24 (" +
                        std::to_string(tbl8_groups()) + " blocks of 256 entries) is in use");
    }
    FillInBlock(block, address, length, entry, replace);
    if (!known) ++block_rules_[UnitOf(block)];
    if (!fits) {
      slot.store(block, std::memory_order_release);
      if ((old & kExtended) != 0) RetireBlock(old, qsbr);
    }
  }
  rules_[key] = group.value();
  if (!known) ++rules_by_length_[length];
  return Status::Ok();
}

Status Fib4::Remove(const IpPrefix& prefix, QsbrDomain& qsbr) {
  if (Status status = CheckPrefix(prefix); !status.ok()) return status;
  const uint32_t address = prefix.address().v4().value;
  const unsigned length = prefix.length();
  if (!rules_.Erase(RuleKey(address, length))) {
    return Status(StatusCode::kNotFound, prefix.ToString() + " is not in the table");
  }
  --rules_by_length_[length];
  if (length == 0) {
    default_.store(0, std::memory_order_release);
    return Status::Ok();
  }
  const uint32_t cover = CoveringEntry(address, length);
  // Inside this prefix, entries of its length are its own.
  const auto replace = [length](unsigned l) { return l == length; };
  if (length <= 24) {
    Fill(&tbl24_[address >> 8], size_t{1} << (24 - length), cover, replace);
    return Status::Ok();
  }
  Entry& slot = tbl24_[address >> 8];
  const uint32_t block = slot.load(std::memory_order_relaxed);
  if (--block_rules_[UnitOf(block)] != 0) {
    FillInBlock(block, address, length, cover, replace);
    return Status::Ok();
  }
  // The last one: what covers it covers the whole /24.
  slot.store(cover, std::memory_order_release);
  RetireBlock(block, qsbr);
  return Status::Ok();
}

}  // namespace flyover::router
