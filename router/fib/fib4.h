// IPv4 longest-prefix match: DIR-24-8 (Gupta, Lin, McKeown, "Routing lookups in hardware at memory
// access speeds", INFOCOM 1998), updated in place under running lcores.
//
// One entry for each /24; a /24 that has longer prefixes points at a block of its own, with as many
// entries as its longest prefix asks for: 4 up to /26, 256 for /32. Entries are 32 bits and carry
// the length of the prefix that they belong to, so that the writer sees what it may overwrite:
//
//   31 |30   25|24       0
//    0 | length| group       group 0: nothing but the default route, which lies apart (it would
//                            fill 2^24 entries)
//   31 |30   28|27       0
//    1 | shift | unit        a block of 256 >> shift entries, from this unit of four on
//
// Guarantee: a lookup gives, for each address, the group that the table held for it at some moment
// of the call. Order of the writer: a new block is filled before its entry is stored; a block is
// retired after another one, or a plain entry, has taken its place.
//
// Memory: 64 MiB of address space for the /24s, 16 bytes to 1 KiB for each /24 with longer
// prefixes, 16 bytes and slack a route. A block grows, and goes with its last prefix. Threads:
// Lookup from any lcore; everything else on the control thread.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "common/net/ip_prefix.h"
#include "common/rcu/qsbr_domain.h"
#include "router/fib/block_pool.h"
#include "router/fib/flat_map.h"
#include "router/fib/mapped_array.h"

namespace flyover::router {

class Fib4 {
 public:
  static constexpr unsigned kMaxBatch = 64;
  static constexpr uint32_t kDefaultTbl8Groups = 1u << 16;

  // Room for so many /24s with a /32 in them; for up to 64 times as many without.
  explicit Fib4(uint32_t tbl8_groups = kDefaultTbl8Groups, Pages pages = Pages::kHuge);

  // out[i] = group of the longest prefix that covers dst[i] (host order), GroupId(0) where none
  // does. REQUIRES: n <= kMaxBatch.
  void Lookup(const uint32_t* dst, GroupId* out, unsigned n) const;

  // Adds the prefix, or gives it another group.
  // Errors: kInvalidArgument    not IPv4, or a group outside [1, 2^kGroupBits)
  //         kResourceExhausted  no block left; nothing has changed
  Status Add(const IpPrefix& prefix, GroupId group, QsbrDomain& qsbr);
  // Errors: kInvalidArgument, kNotFound.
  Status Remove(const IpPrefix& prefix, QsbrDomain& qsbr);

  size_t size() const { return rules_.size(); }
  // Of what lcores read; entries not yet touched count too.
  size_t table_bytes() const {
    return (tbl24_.size() + size_t{tbl8_pool_->used()} * kUnit) * sizeof(Entry);
  }
  // Of what the writer keeps beside it.
  size_t rule_bytes() const { return rules_.memory_bytes(); }
  size_t memory_bytes() const { return table_bytes() + rule_bytes(); }
  // The most that table_bytes() and rule_bytes() can be.
  static size_t TableBytes(uint32_t tbl8_groups) {
    return ((size_t{1} << 24) + size_t{tbl8_groups} * 256) * sizeof(Entry);
  }
  static size_t RuleBytes(size_t routes) { return FlatMap<uint64_t, uint32_t>::BytesFor(routes); }
  // In units of 256 entries, those in their grace period included.
  uint32_t tbl8_groups() const { return tbl8_pool_->limit() / kUnitsPerGroup; }
  uint32_t tbl8_groups_used() const {
    return (tbl8_pool_->used() + kUnitsPerGroup - 1) / kUnitsPerGroup;
  }

 private:
  using Entry = std::atomic<uint32_t>;
  static constexpr uint32_t kExtended = 1u << 31;
  static constexpr unsigned kLengthShift = 25;
  static constexpr uint32_t kGroupMask = (1u << kLengthShift) - 1;
  static constexpr unsigned kUnit = 4;  // entries
  static constexpr unsigned kUnitsPerGroup = 256 / kUnit;
  static_assert(kUnitsPerGroup <= BlockPool::kMaxBlock);
  static constexpr unsigned kMostShift = 6;  // a block of one unit
  static constexpr unsigned kShiftShift = 28;
  static constexpr uint32_t kUnitMask = (1u << kShiftShift) - 1;

  static uint32_t Encode(unsigned length, uint32_t group) {
    return static_cast<uint32_t>(length) << kLengthShift | group;
  }
  static unsigned LengthOf(uint32_t entry) { return (entry & ~kExtended) >> kLengthShift; }
  static uint64_t RuleKey(uint32_t address, unsigned length) {
    return uint64_t{address} << 6 | length;
  }

  static GroupId GroupOf(uint32_t entry, uint32_t fallback) {
    const uint32_t group = entry & kGroupMask;
    return GroupId(group != 0 ? group : fallback);
  }

  // Of an entry that points at a block.
  static unsigned ShiftOf(uint32_t entry) { return entry >> kShiftShift & 7; }
  static uint32_t UnitOf(uint32_t entry) { return entry & kUnitMask; }
  static unsigned EntriesOf(uint32_t entry) { return 256u >> ShiftOf(entry); }
  const Entry* Block(uint32_t entry) const { return &tbl8_[size_t{UnitOf(entry)} * kUnit]; }
  Entry* Block(uint32_t entry) { return &tbl8_[size_t{UnitOf(entry)} * kUnit]; }
  const Entry& InBlock(uint32_t entry, uint32_t address) const {
    return Block(entry)[(address & 0xff) >> ShiftOf(entry)];
  }

  // The entry of the longest prefix shorter than `length` (and not the default) that covers
  // address/length, or 0.
  uint32_t CoveringEntry(uint32_t address, unsigned length) const;
  // In [first, first + count): entries that pass `replace(length)` become `entry`.
  template <typename Replace>
  void Fill(Entry* first, size_t count, uint32_t entry, Replace replace);
  // The same for the prefix address/length in a block.
  template <typename Replace>
  void FillInBlock(uint32_t block, uint32_t address, unsigned length, uint32_t entry,
                   Replace replace);
  // A block that says what `old` says, a plain entry or one that points at a smaller block; kNone
  // of BlockPool without room.
  uint32_t CopyToBlock(uint32_t old, unsigned shift, QsbrDomain& qsbr);
  void RetireBlock(uint32_t entry, QsbrDomain& qsbr);

  MappedArray<Entry> tbl24_;
  MappedArray<Entry> tbl8_;
  Entry default_{0};
  std::shared_ptr<BlockPool> tbl8_pool_;
  MappedArray<uint16_t> block_rules_;  // by unit: prefixes longer than /24 in the block
  FlatMap<uint64_t, uint32_t> rules_;  // RuleKey -> group
  std::array<uint32_t, 33> rules_by_length_{};
};

inline void Fib4::Lookup(const uint32_t* dst, GroupId* out, unsigned n) const {
  assert(n <= kMaxBatch);
  const Entry* const tbl24 = tbl24_.data();
  // So far ahead of the look-up are the entries asked for: about as many lines as a core of today
  // can wait for at once.
  constexpr unsigned kAhead = 24;
  const unsigned first_asked = n < kAhead ? n : kAhead;
  for (unsigned i = 0; i < first_asked; ++i) __builtin_prefetch(&tbl24[dst[i] >> 8]);

  uint32_t fallback = default_.load(std::memory_order_acquire);
  while (true) {
    uint8_t deeper[kMaxBatch];
    uint32_t block[kMaxBatch];  // of those
    unsigned deeper_count = 0;
    // Few /24s have longer prefixes: a branch for four addresses is foreseen nearly always.
    const auto take = [&](unsigned i, unsigned count) __attribute__((always_inline)) {
      uint32_t entry[4];
      uint32_t any = 0;
#pragma GCC unroll 4
      for (unsigned k = 0; k < count; ++k) {
        entry[k] = tbl24[dst[i + k] >> 8].load(std::memory_order_acquire);
        out[i + k] = GroupOf(entry[k], fallback);
        any |= entry[k];
      }
      if ((any & kExtended) == 0) [[likely]]
        return;
      for (unsigned k = 0; k < count; ++k) {
        if ((entry[k] & kExtended) == 0) continue;
        __builtin_prefetch(&InBlock(entry[k], dst[i + k]));
        block[deeper_count] = entry[k];
        deeper[deeper_count++] = static_cast<uint8_t>(i + k);
      }
    };
    unsigned i = 0;
    for (; i + kAhead + 4 <= n; i += 4) {
#pragma GCC unroll 4
      for (unsigned k = 0; k < 4; ++k) __builtin_prefetch(&tbl24[dst[i + kAhead + k] >> 8]);
      take(i, 4);
    }
    for (; i + 4 <= n; i += 4) take(i, 4);
    for (; i < n; ++i) take(i, 1);
    for (unsigned k = 0; k < deeper_count; ++k) {
      const unsigned at = deeper[k];
      out[at] = GroupOf(InBlock(block[k], dst[at]).load(std::memory_order_acquire), fallback);
    }
    // A default route that changed meanwhile may never have been what these addresses followed.
    const uint32_t now = default_.load(std::memory_order_acquire);
    if (now == fallback) [[likely]] {
      return;
    }
    fallback = now;
  }
}

}  // namespace flyover::router
