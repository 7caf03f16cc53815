// IPv4 longest-prefix match: DIR-24-8 (Gupta, Lin, McKeown, "Routing lookups in hardware at memory
// access speeds", INFOCOM 1998), updated in place under running lcores.
//
// One entry for each /24; a /24 that has longer prefixes points at 256 entries of its own. Entries
// are 32 bits and carry the length of the prefix that they belong to, so that the writer sees what
// it may overwrite:
//
//   31 |30   25|24       0
//    0 | length| group       group 0: nothing but the default route, which lies apart (it would
//    fill 2^24 entries) 1 |        tbl8 group
//
// Guarantee: a lookup gives, for each address, the group that the table held for it at some moment
// of the call. Order of the writer: a new tbl8 group is filled before its entry is stored; a plain
// entry replaces a tbl8 group before the latter is retired.
//
// Memory: 64 MiB of address space for the /24s, 1 KiB for each /24 with longer prefixes, 16 bytes
// and slack a route. Threads: Lookup from any lcore; everything else on the control thread.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
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

class Fib4 {
 public:
  static constexpr unsigned kMaxBatch = 64;
  static constexpr uint32_t kDefaultTbl8Groups = 1u << 16;

  explicit Fib4(uint32_t tbl8_groups = kDefaultTbl8Groups, Pages pages = Pages::kHuge);

  // out[i] = group of the longest prefix that covers dst[i] (host order), GroupId(0) where none
  // does. REQUIRES: n <= kMaxBatch.
  void Lookup(const uint32_t* dst, GroupId* out, unsigned n) const;

  // Adds the prefix, or gives it another group.
  // Errors: kInvalidArgument    not IPv4, or a group outside [1, 2^kGroupBits)
  //         kResourceExhausted  no tbl8 group left; nothing has changed
  Status Add(const IpPrefix& prefix, GroupId group, QsbrDomain& qsbr);
  // Errors: kInvalidArgument, kNotFound.
  Status Remove(const IpPrefix& prefix, QsbrDomain& qsbr);

  size_t size() const { return rules_.size(); }
  // Of what lcores read; entries not yet touched count too.
  size_t table_bytes() const {
    return (tbl24_.size() + size_t{tbl8_groups_used()} * 256) * sizeof(Entry);
  }
  // Of what the writer keeps beside it.
  size_t rule_bytes() const { return rules_.memory_bytes(); }
  size_t memory_bytes() const { return table_bytes() + rule_bytes(); }
  // The most that table_bytes() and rule_bytes() can be.
  static size_t TableBytes(uint32_t tbl8_groups) {
    return ((size_t{1} << 24) + size_t{tbl8_groups} * 256) * sizeof(Entry);
  }
  static size_t RuleBytes(size_t routes) { return FlatMap<uint64_t, uint32_t>::BytesFor(routes); }
  uint32_t tbl8_groups() const { return tbl8_pool_->limit(); }
  // Those in their grace period included.
  uint32_t tbl8_groups_used() const { return tbl8_pool_->used(); }

 private:
  using Entry = std::atomic<uint32_t>;
  static constexpr uint32_t kExtended = 1u << 31;
  static constexpr unsigned kLengthShift = 25;
  static constexpr uint32_t kGroupMask = (1u << kLengthShift) - 1;

  static uint32_t Encode(unsigned length, uint32_t group) {
    return static_cast<uint32_t>(length) << kLengthShift | group;
  }
  static unsigned LengthOf(uint32_t entry) { return (entry & ~kExtended) >> kLengthShift; }
  static uint64_t RuleKey(uint32_t address, unsigned length) {
    return uint64_t{address} << 6 | length;
  }

  const Entry* Tbl8(uint32_t group) const { return &tbl8_[size_t{group} * 256]; }
  Entry* Tbl8(uint32_t group) { return &tbl8_[size_t{group} * 256]; }

  // The entry of the longest prefix shorter than `length` (and not the default) that covers
  // address/length, or 0.
  uint32_t CoveringEntry(uint32_t address, unsigned length) const;
  // In [first, first + count): entries that pass `replace(length)` become `entry`.
  template <typename Replace>
  void Fill(Entry* first, size_t count, uint32_t entry, Replace replace);
  uint32_t AllocateTbl8(QsbrDomain& qsbr);

  MappedArray<Entry> tbl24_;
  MappedArray<Entry> tbl8_;
  Entry default_{0};
  std::shared_ptr<BlockPool> tbl8_pool_;
  std::vector<uint16_t> tbl8_rules_;   // by tbl8 group: prefixes longer than /24 in it
  FlatMap<uint64_t, uint32_t> rules_;  // RuleKey -> group
  std::array<uint32_t, 33> rules_by_length_{};
};

inline void Fib4::Lookup(const uint32_t* dst, GroupId* out, unsigned n) const {
  assert(n <= kMaxBatch);
  const Entry* const tbl24 = tbl24_.data();
  for (unsigned i = 0; i < n; ++i) __builtin_prefetch(&tbl24[dst[i] >> 8]);

  uint32_t fallback = default_.load(std::memory_order_acquire);
  while (true) {
    uint32_t entry[kMaxBatch];
    uint8_t deeper[kMaxBatch];
    unsigned deeper_count = 0;
    for (unsigned i = 0; i < n; ++i) {
      entry[i] = tbl24[dst[i] >> 8].load(std::memory_order_acquire);
      deeper[deeper_count] = static_cast<uint8_t>(i);
      deeper_count += entry[i] >> 31;
    }
    for (unsigned k = 0; k < deeper_count; ++k) {
      // Written above: as many as were counted.
      // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign)
      const unsigned i = deeper[k];
      __builtin_prefetch(Tbl8(entry[i] & ~kExtended) + (dst[i] & 0xff));
    }
    for (unsigned k = 0; k < deeper_count; ++k) {
      const unsigned i = deeper[k];  // NOLINT(clang-analyzer-core.uninitialized.Assign)
      entry[i] = Tbl8(entry[i] & ~kExtended)[dst[i] & 0xff].load(std::memory_order_acquire);
    }
    for (unsigned i = 0; i < n; ++i) {
      const uint32_t group = entry[i] & kGroupMask;
      out[i] = GroupId(group != 0 ? group : fallback);
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
