// A part of a connection table: 64-byte buckets of eight flows, each as a 32-bit tag, a backend and
// the tick of its last packet. A flow may lie in one of two buckets, so a lookup costs one line of
// memory, rarely two, whatever the number of flows.
//
// A tag stands for a flow: two live flows that share a bucket also share a tag once in 2^32, and
// are then taken for one. It is made of hash bits that do not choose the bucket.
//
// Threads: one lcore, the owner, writes. Any other may call Find and ForEach at any time: a
// replaced entry shows an empty tag in between, so a reader never pairs one flow's tag with
// another's backend.
#pragma once

#include <emmintrin.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "lb/conntrack/connection_timeouts.h"

namespace flyover::lb {

struct ConnectionHit {
  bool found = false;
  BackendId backend;
  uint16_t idle = 0;  // ticks between the flow's packet before this one and now
};

enum class InsertResult : uint8_t {
  kNew,              // took an empty place
  kReplacedExpired,  // took the place of a flow that had timed out
  kEvicted,          // took the place of a live flow, the one silent for longest
  kMoved,            // the flow was known, with another backend
  kUnchanged,        // the flow was known, with this backend
};

class ConnectionShard {
 public:
  static constexpr unsigned kWays = 8;
  struct alignas(64) Bucket {
    uint32_t tag[kWays];  // 0: empty
    uint16_t backend[kWays];
    uint16_t seen[kWays];
  };
  static_assert(sizeof(Bucket) == 64);

  // Where a flow may lie. `tag` is never 0.
  struct Place {
    uint32_t tag;
    uint32_t first;
    uint32_t second;
  };

  // `buckets` is a power of two. Memory is taken from the kernel when first written to, or all at
  // once by Prefault. Errors: kResourceExhausted.
  static Result<std::unique_ptr<ConnectionShard>> Create(uint32_t buckets);
  ~ConnectionShard();
  ConnectionShard(const ConnectionShard&) = delete;
  ConnectionShard& operator=(const ConnectionShard&) = delete;

  Place PlaceOf(uint32_t tag_bits, uint32_t bucket_bits) const {
    const uint32_t tag = tag_bits == 0 ? 1 : tag_bits;
    const uint32_t first = bucket_bits & mask_;
    return {tag, first, (first ^ ((tag * 0x85ebca6bu) >> 5 | 1)) & mask_};
  }
  void Prefetch(uint32_t bucket) const { __builtin_prefetch(&buckets_[bucket], 1); }

  // Owner. A hit's time of last packet becomes `tick`.
  ConnectionHit TouchIn(uint32_t bucket, uint32_t tag, uint16_t tick);
  InsertResult Insert(const Place& place, BackendId backend, uint16_t tick,
                      const ConnectionTimeouts& timeouts);
  // Empties the expired places of one bucket; returns how many.
  unsigned SweepBucket(uint32_t bucket, uint16_t tick, const ConnectionTimeouts& timeouts);
  // Writes to all pages, so that the kernel backs them now, from the calling lcore's NUMA node.
  void Prefault();

  // Any thread.
  ConnectionHit Find(const Place& place, uint16_t tick) const;
  uint32_t bucket_count() const { return mask_ + 1; }
  // Calls visit(tag, backend, seen) for every flow until it returns false. True when it never did.
  template <typename Visit>
  bool ForEach(Visit&& visit) const {
    for (uint32_t b = 0; b <= mask_; ++b) {
      for (unsigned way = 0; way < kWays; ++way) {
        const Entry entry = LoadEntry(b, way);
        if (entry.tag != 0 && !visit(entry.tag, BackendId(entry.backend), entry.seen)) return false;
      }
    }
    return true;
  }

 private:
  struct Entry {
    uint32_t tag;  // 0: empty, or being replaced right now
    uint16_t backend;
    uint16_t seen;
  };
  ConnectionShard(Bucket* buckets, uint32_t count) : buckets_(buckets), mask_(count - 1) {}
  Entry LoadEntry(uint32_t bucket, unsigned way) const;
  static void Write(Bucket& bucket, unsigned way, uint32_t tag, uint16_t backend, uint16_t tick);

  Bucket* buckets_;
  uint32_t mask_;
};

// Inline, as every packet of a service passes here.
namespace internal {

template <typename T>
inline T Load(const T& field) {
  return __atomic_load_n(&field, __ATOMIC_RELAXED);
}
template <typename T>
inline void Store(T& field, T value) {
  __atomic_store_n(&field, value, __ATOMIC_RELAXED);
}

// Bit i is set when tag[i] == tag. For the owner, who is the only writer.
inline unsigned MatchMask(const ConnectionShard::Bucket& bucket, uint32_t tag) {
  const __m128i wanted = _mm_set1_epi32(static_cast<int>(tag));
  const auto* const tags = reinterpret_cast<const __m128i*>(bucket.tag);
  const __m128i low = _mm_cmpeq_epi32(_mm_load_si128(tags), wanted);
  const __m128i high = _mm_cmpeq_epi32(_mm_load_si128(tags + 1), wanted);
  return static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(low))) |
         static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(high))) << 4;
}

inline unsigned FirstBit(unsigned mask) { return static_cast<unsigned>(std::countr_zero(mask)); }

inline uint16_t Age(uint16_t tick, uint16_t seen) { return static_cast<uint16_t>(tick - seen); }

}  // namespace internal

inline ConnectionHit ConnectionShard::TouchIn(uint32_t index, uint32_t tag, uint16_t tick) {
  Bucket& bucket = buckets_[index];
  const unsigned match = internal::MatchMask(bucket, tag);
  if (match == 0) return {};
  const unsigned way = internal::FirstBit(match);
  const ConnectionHit hit{true, BackendId(bucket.backend[way]),
                          internal::Age(tick, bucket.seen[way])};
  if (hit.idle != 0) internal::Store(bucket.seen[way], tick);  // else the line stays clean
  return hit;
}

}  // namespace flyover::lb
