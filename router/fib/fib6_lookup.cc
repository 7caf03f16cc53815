// What lcores run: every address of the batch goes one step ahead in each sweep, and what it will
// read in the next one is prefetched meanwhile. No branch depends on where a walk ends, since no
// predictor knows.
#ifndef __SANITIZE_THREAD__
#include <emmintrin.h>
#endif

#include <cassert>

#include "router/fib/fib6.h"

namespace flyover::router {

#ifdef __SANITIZE_THREAD__
// Vector loads and atomic stores look like a race.
uint32_t Fib6::Search(const Line* line, Form form, unsigned chunk) {
  const Entry* const words = line->word.data();
  uint32_t at_most = 0;
  for (unsigned i = 0; i < 32; ++i) {
    if ((kShapes[form].starts_mask >> i & 1) == 0) break;
    const uint32_t two = words[i / 2].load(std::memory_order_relaxed);
    at_most += (two >> (i % 2 * 16) & 0xffff) <= chunk ? 1 : 0;
  }
  return words[kShapes[form].entries + at_most].load(std::memory_order_acquire);
}
#else
uint32_t Fib6::Search(const Line* line, Form form, unsigned chunk) {
  const __m128i key = _mm_set1_epi16(static_cast<int16_t>(chunk));
  const __m128i zero = _mm_setzero_si128();
  const auto* const starts = reinterpret_cast<const __m128i*>(line);
  // start - key saturates to 0: the start is not behind the key.
  const auto at_most = [&](unsigned i) {
    return _mm_cmpeq_epi16(_mm_subs_epu16(_mm_load_si128(starts + i), key), zero);
  };
  const auto low =
      static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(at_most(0), at_most(1))));
  const auto high =
      static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(at_most(2), at_most(3))));
  const ListShape shape = kShapes[form];
  const auto range =
      static_cast<uint32_t>(__builtin_popcount((low | high << 16) & shape.starts_mask));
  return (line->word.data() + shape.entries + range)->load(std::memory_order_acquire);
}
#endif

// The range of a wide's word that value `slot` of its 32 lies in.
inline uint32_t Fib6::RangeOf(uint32_t starts, uint64_t slot) {
  return static_cast<uint32_t>(__builtin_popcount(starts << (31 - slot))) - 1;
}

uint32_t Fib6::Next(uint32_t pointer, unsigned chunk) const {
  const uint32_t index = IndexOf(pointer);
  if (FormOf(pointer) != kWide) [[likely]] {
    return Search(&lines_[index], FormOf(pointer), chunk);
  }
  const uint64_t word =
      wides_[size_t{index} * kWideWords + chunk / 32].load(std::memory_order_acquire);
  const auto starts = static_cast<uint32_t>(word >> 32);
  if (starts == 0) return static_cast<uint32_t>(word);
  return values_[static_cast<uint32_t>(word) + RangeOf(starts, chunk % 32)].load(
      std::memory_order_acquire);
}

void Fib6::Lookup(const Ipv6Key* dst, GroupId* out, unsigned n) const {
  assert(n <= kMaxBatch);
  uint32_t entry[kMaxBatch];
  uint32_t at[kMaxBatch];    // where it is read next
  uint64_t rest[kMaxBatch];  // of the address, from the chunk that `entry` lies in
  uint8_t walking[kMaxBatch];
  unsigned walking_count = 0;
  const uint32_t fallback = default_.load(std::memory_order_acquire);

  // Bits 0 to 31. Nearly every address with a route goes through a wide there.
  constexpr uint32_t kNowhere = ~0u;
  for (unsigned i = 0; i < n; ++i) {
    const uint64_t high = dst[i].high;
    entry[i] = root_[high >> 48].load(std::memory_order_acquire);
    at[i] = kNowhere;
    if (entry[i] >= Point(kWide, kNextChunk, 0)) [[likely]] {
      at[i] = IndexOf(entry[i]) * kWideWords + (high >> 37 & (kWideWords - 1));
      __builtin_prefetch(&wides_[at[i]]);
    }
  }
  for (unsigned i = 0; i < n; ++i) {
    if (at[i] == kNowhere) [[unlikely]]
      continue;
    const uint64_t word = wides_[at[i]].load(std::memory_order_acquire);
    const auto starts = static_cast<uint32_t>(word >> 32);
    entry[i] = static_cast<uint32_t>(word);
    at[i] = kNowhere;
    if (starts == 0) [[unlikely]]
      continue;
    at[i] = entry[i] + RangeOf(starts, dst[i].high >> 32 & 31);
    __builtin_prefetch(&values_[at[i]]);
  }
  // A step ahead to where entry[i] points. That of a group does so too, to no purpose: no predictor
  // knows which it is.
  const auto advance = [&](unsigned i) {
    const uint32_t e = entry[i];
    // Past bit 64 come few: routes to single hosts.
    if (IsPointer(e) && StepOf(e) == kLowHalf) [[unlikely]] {
      rest[i] = dst[i].low;
    } else {
      rest[i] <<= (e >> kStepShift & kNextChunk) * 16;
    }
    walking[walking_count] = static_cast<uint8_t>(i);
    walking_count += e >> 31;
    if (e >= Point(kWide, kSameChunk, 0)) [[unlikely]] {
      __builtin_prefetch(&wides_[size_t{IndexOf(e)} * kWideWords + (rest[i] >> 53)]);
      return;
    }
    // Only the first line of two or three: the starts decide which other one is needed, and it is
    // the neighbour that the processor fetches by itself as often as not.
    __builtin_prefetch(&lines_[IndexOf(e) & -(e >> 31)]);
  };
  for (unsigned i = 0; i < n; ++i) {
    rest[i] = dst[i].high;
    if (at[i] != kNowhere) [[likely]] {
      entry[i] = values_[at[i]].load(std::memory_order_acquire);
      rest[i] <<= 16;
    }
    advance(i);
  }
  while (walking_count != 0) {
    const unsigned count = walking_count;
    walking_count = 0;
    for (unsigned k = 0; k < count; ++k) {
      const unsigned i = walking[k];
      entry[i] = Next(entry[i], static_cast<unsigned>(rest[i] >> 48));
      advance(i);
    }
  }

  for (unsigned i = 0; i < n; ++i) {
    const uint32_t group = entry[i] & kGroupMask;
    out[i] = GroupId(group != 0 ? group : fallback);
  }
  // A default route that changed meanwhile may never have been what these addresses followed.
  if (default_.load(std::memory_order_acquire) != fallback) [[unlikely]]
    Lookup(dst, out, n);
}

}  // namespace flyover::router
