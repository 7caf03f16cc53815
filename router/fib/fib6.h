// IPv6 longest-prefix match in 16-bit steps ("chunks" of the address). What a chunk says is a
// sequence of ranges of its 65,536 values, each with one entry: a group, or where the next chunk
// lies. Neighbouring ranges with the same entry are one (as in DXR: Zec, Rizzo, Mikuc, "DXR:
// towards a billion routing lookups per second in software", CCR 2012). A chunk takes the smallest
// form that holds its ranges:
//
//   list  up to 32 ranges: their starts, side by side, then their entries; 1 to 3 cache lines,
//         searched with a few vector comparisons
//   tree  a list of lists, for some hundred ranges
//   wide  2,048 words of 32 bits and an index: a bit for each value that starts a range, and where
//         the entries of the word's ranges lie; two look-ups whatever the number of ranges
//
// Longer prefixes inherit: every range has the entry of the longest prefix that covers it, together
// with that prefix's length, so that the writer sees what it may overwrite. /32 takes two to three
// cache lines behind the root, /48 three to four.
//
//   31 |30    24|23        0
//    0 | length | group       a range's prefix, length less 1; all 0: none but the default route,
//                             which lies apart
//
//   31 |30  29|28  27|26        0
//    1 | form | step | index       of the first line of a list, or of a wide
//
// Guarantee: a lookup gives, for each address, the group that the table held for it at some moment
// of the call. Order of the writer: a chunk's ranges never change, their entries do, by one 32-bit
// store each; a chunk with other ranges is written anew and published by one store in the entry (or
// word) that points to it; the old one is retired.
//
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
#include "common/net/byte_order.h"
#include "common/net/ip_prefix.h"
#include "common/rcu/qsbr_domain.h"
#include "router/fib/block_pool.h"
#include "router/fib/flat_map.h"
#include "router/fib/mapped_array.h"

namespace flyover::router {

// An IPv6 address as two numbers in host order.
struct Ipv6Key {
  uint64_t high = 0;
  uint64_t low = 0;

  static Ipv6Key Of(const uint8_t* address) {
    return {SwapBytes(LoadUnaligned<uint64_t>(address)),
            SwapBytes(LoadUnaligned<uint64_t>(address + 8))};
  }
};

class Fib6 {
 public:
  static constexpr unsigned kMaxBatch = 64;
  static constexpr uint32_t kDefaultNodes = 1u << 22;

  // At most `nodes` cache lines of lists, as many entries of wides, and nodes / 256 wides.
  explicit Fib6(uint32_t nodes = kDefaultNodes, Pages pages = Pages::kHuge);

  // out[i] = group of the longest prefix that covers dst[i], GroupId(0) where none does.
  // REQUIRES: n <= kMaxBatch.
  void Lookup(const Ipv6Key* dst, GroupId* out, unsigned n) const;

  // Adds the prefix, or gives it another group.
  // Errors: kInvalidArgument    not IPv6, or a group outside [1, 2^kGroupBits)
  //         kResourceExhausted  no room for its nodes; nothing has changed
  Status Add(const IpPrefix& prefix, GroupId group, QsbrDomain& qsbr);
  // Errors: kInvalidArgument, kNotFound; kResourceExhausted when lcores have stalled so long that
  // there is no room for the copy: the route stays.
  Status Remove(const IpPrefix& prefix, QsbrDomain& qsbr);

  size_t size() const { return short_rules_.size() + long_rules_.size(); }
  // Of what lcores read.
  size_t table_bytes() const;
  // Of what the writer keeps beside it.
  size_t rule_bytes() const { return short_rules_.memory_bytes() + long_rules_.memory_bytes(); }
  size_t memory_bytes() const { return table_bytes() + rule_bytes(); }
  // The most that table_bytes() can be, and rule_bytes() with prefixes up to /63.
  static size_t TableBytes(uint32_t nodes) {
    return (size_t{1} << kChunkBits) * sizeof(Entry) + size_t{nodes} * sizeof(Line) +
           size_t{nodes / 256} * kWideWords * sizeof(WideWord) + size_t{nodes} * sizeof(Entry);
  }
  static size_t RuleBytes(size_t routes) { return FlatMap<uint64_t, uint32_t>::BytesFor(routes); }
  uint32_t capacity() const { return line_pool_->limit(); }
  // Those in their grace period included.
  uint32_t nodes_used() const { return line_pool_->used() + wide_pool_->used(); }
  uint32_t values_used() const { return value_pool_->used(); }

 private:
  using Entry = std::atomic<uint32_t>;

  static constexpr unsigned kChunkBits = 16;
  static constexpr uint32_t kPointer = 1u << 31;
  static constexpr unsigned kLengthShift = 24;
  static constexpr uint32_t kGroupMask = (1u << kLengthShift) - 1;
  static constexpr unsigned kFormShift = 29;
  static constexpr unsigned kStepShift = 27;
  static constexpr uint32_t kIndexMask = (1u << kStepShift) - 1;
  enum Form : uint32_t { kList1, kList2, kList3, kWide };  // lists by their cache lines
  // What a walk does on its way to the node.
  enum Step : uint32_t { kSameChunk, kNextChunk, kLowHalf };  // kLowHalf: the chunk at bit 64

  // A list. Starts are those of the second to the last range, 16 bits each; then entries. Unused
  // starts are 0xffff and unused entries repeat the last one, so that they are harmless for 0xffff.
  struct alignas(64) Line {
    std::array<Entry, 16> word;
  };
  struct ListShape {
    uint32_t starts_mask;  // a bit for each start
    uint32_t entries;      // the first one's place, in 32-bit words
  };
  static constexpr std::array<ListShape, 4> kShapes = {
      {{0x3ff, 5}, {0xfffff, 10}, {0x7fffffff, 16}, {0, 0}}};
  static constexpr unsigned kListRanges[3] = {11, 21, 32};
  static constexpr unsigned kMaxListRanges = 32;
  static constexpr unsigned kMaxTreeRanges = kMaxListRanges * kListRanges[kList2];
  // At bit 16 a wide pays early: few chunks, and nearly every look-up goes through one.
  static constexpr unsigned kEarlyWideRanges = 48;
  static constexpr uint32_t kEarlyWides = 256;

  // A wide's word: in the high half a bit for each value that starts a range (the lowest always),
  // in the low half the index of the first range's entry. High half 0: the low half is the entry
  // of all 32.
  static constexpr unsigned kWideWords = 2048;
  using WideWord = std::atomic<uint64_t>;

  struct Range {
    uint32_t start = 0;
    uint32_t entry = 0;
    Entry* where = nullptr;  // it lies there now, in so many places one after the other
    unsigned places = 0;
  };
  using Ranges = std::vector<Range>;
  struct Edit;  // what a change wants, what it allocated and what it makes obsolete

  static bool IsPointer(uint32_t entry) { return (entry & kPointer) != 0; }
  static Form FormOf(uint32_t pointer) { return static_cast<Form>(pointer >> kFormShift & 3); }
  static Step StepOf(uint32_t pointer) { return static_cast<Step>(pointer >> kStepShift & 3); }
  static bool IsTreeLeaf(uint32_t entry) { return IsPointer(entry) && StepOf(entry) == kSameChunk; }
  static uint32_t IndexOf(uint32_t pointer) { return pointer & kIndexMask; }
  static uint32_t Point(Form form, Step step, uint32_t index) {
    return kPointer | static_cast<uint32_t>(form) << kFormShift |
           static_cast<uint32_t>(step) << kStepShift | index;
  }
  static uint32_t Leaf(unsigned length, uint32_t group) {
    return (length - 1) << kLengthShift | group;
  }
  static unsigned LengthOf(uint32_t leaf) { return leaf == 0 ? 0 : (leaf >> kLengthShift) + 1; }
  static unsigned ChunkOf(const Ipv6Key& key, unsigned depth) {
    return static_cast<unsigned>((depth < 64 ? key.high << depth : key.low << (depth - 64)) >> 48);
  }

  // The entry of `chunk` in a list.
  static uint32_t Search(const Line* line, Form form, unsigned chunk);
  uint32_t Next(uint32_t pointer, unsigned chunk) const;
  static uint32_t RangeOf(uint32_t starts, uint64_t slot);

  WideWord* Wide(uint32_t index) { return &wides_[size_t{index} * kWideWords]; }
  Entry* Entries(uint32_t pointer) {
    return &lines_[IndexOf(pointer)].word[0] + kShapes[FormOf(pointer)].entries;
  }

  // The ranges of a chunk, of a wide's word (from `start`), of a list. A leaf is one range.
  void Unpack(uint32_t node, Ranges& ranges);
  void UnpackWord(uint64_t word, uint32_t start, Ranges& ranges);
  void UnpackList(uint32_t node, uint32_t start, Ranges& ranges);
  // New blocks for the ranges of the chunk at bit `depth`. Without room edit.failed is set and the
  // result means nothing.
  uint32_t Pack(const Ranges& ranges, unsigned depth, Edit& edit);
  uint32_t PackList(const Range* ranges, size_t n, Step step, Edit& edit);
  uint32_t PackTree(const Ranges& ranges, Step step, Edit& edit);
  uint32_t PackWide(const Ranges& ranges, Step step, Edit& edit);
  uint64_t PackWord(const Range* ranges, size_t n, Edit& edit);
  // The chunk's own blocks, not those of the chunks below.
  static void RetireWord(uint64_t word, Edit& edit);
  void RetireNode(uint32_t node, Edit& edit);

  // `after` becomes `before`, which ends at `end`, with the entries of [first, last] changed and
  // equal neighbours made one. True when no range starts elsewhere than before.
  template <typename Change>
  static bool ChangeRanges(const Ranges& before, uint32_t first, uint32_t last, uint32_t end,
                           Change change, Ranges& after);
  static void StoreInPlace(const Ranges& before, const Ranges& after);
  // Changes the entries of [first, last] in the chunk. Returns what now stands for the chunk:
  // `node` where it was enough to change it in place, else something that is not published yet.
  template <typename Change>
  uint32_t Replace(uint32_t node, unsigned depth, uint32_t first, uint32_t last, Change change,
                   Edit& edit);
  template <typename Change>
  uint32_t ReplaceInWide(uint32_t node, unsigned depth, uint32_t first, uint32_t last,
                         Change change, Edit& edit);
  // A wide that has become nearly empty as a list.
  uint32_t Narrow(uint32_t wide, unsigned depth, Edit& edit);
  // Makes the edit in the chunk at `depth`, which `node` stands for, and below. Returns as Replace.
  uint32_t Descend(uint32_t node, unsigned depth, Edit& edit);
  // All leaves below that the edit may overwrite.
  void Fill(uint32_t node, const Edit& edit);
  bool ChangeTables(Edit& edit);

  // Group 0 removes. `urgent`: see Edit.
  Status Apply(const Ipv6Key& key, unsigned length, uint32_t group, bool urgent, QsbrDomain& qsbr);
  // The entry of the longest prefix shorter than `length` (and not the default) that covers it.
  uint32_t CoveringEntry(const Ipv6Key& address, unsigned length) const;

  uint32_t* FindRule(const Ipv6Key& address, unsigned length);
  const uint32_t* FindRule(const Ipv6Key& address, unsigned length) const {
    return const_cast<Fib6*>(this)->FindRule(address, length);
  }

  MappedArray<Entry> root_;  // by the first 16 bits
  MappedArray<Line> lines_;
  MappedArray<WideWord> wides_;
  MappedArray<Entry> values_;  // entries of wides' words
  Entry default_{0};
  std::shared_ptr<BlockPool> line_pool_;
  std::shared_ptr<BlockPool> wide_pool_;
  std::shared_ptr<BlockPool> value_pool_;
  std::vector<uint32_t> wide_ranges_;  // by wide: those in words of more than one
  // -> group. Up to /63 the key is the prefix's bits, a one, and zeros.
  FlatMap<uint64_t, uint32_t> short_rules_;
  FlatMap<IpPrefix, uint32_t> long_rules_;
  std::array<uint32_t, 129> rules_by_length_{};
  Ranges before_, after_;  // of the chunk that is being changed
};

}  // namespace flyover::router
