// A part of a connection table: 64-byte buckets of eight flows, each as a 32-bit tag, a backend (15
// bits), the tick of its last packet (15 bits) and a state (the two bits left). A flow may lie in
// one of two buckets, so a lookup costs one line of memory, rarely two, whatever the number of
// flows.
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
#include "lb/conntrack/coarse_clock.h"
#include "lb/conntrack/connection_timeouts.h"

namespace flyover::lb {

// What is known of a flow decides how long its entry stays and what it makes room for.
enum class EntryState : uint8_t {
  kEstablished,  // more than one packet was seen
  kTentative,    // one packet was seen, which opened nothing: a running flow, or a forged packet
  kBrief,        // being opened (SYN) or closed (FIN, RST)
};

// What a packet says of its flow's state.
enum class Touch : uint8_t {
  kConfirm,  // it runs: established from now on
  kOpen,     // SYN: the state stays as it is, so that repeating a SYN earns nothing
  kClose,    // FIN or RST: brief, until a packet says otherwise
  kNothing,  // no TCP sends it: leaves everything as it is
};

// Eight flows. Belongs to a ConnectionShard.
struct alignas(64) ConnectionBucket {
  static constexpr unsigned kWays = 8;
  uint32_t tag[kWays];      // 0: empty
  uint16_t backend[kWays];  // kNotEstablished set: kTentative or kBrief
  uint16_t seen[kWays];     // kIsBrief set: kBrief
};
static_assert(sizeof(ConnectionBucket) == 64);

struct ConnectionHit {
  bool found = false;
  bool brief = false;  // EntryState::kBrief
  BackendId backend;
  uint16_t idle = 0;  // ticks between the flow's last packet and now
  // Where it lies, for the owner.
  ConnectionBucket* bucket = nullptr;
  uint32_t tag = 0;
  uint8_t way = 0;
};

enum class InsertResult : uint8_t {
  kNew,              // took an empty place
  kReplacedExpired,  // took the place of a flow that had timed out
  kEvicted,          // took the place of a live flow (ConnectionTable says of which)
  kMoved,            // the flow was known, with another backend
  kUnchanged,        // the flow was known, with this backend
};

class ConnectionShard {
 public:
  using Bucket = ConnectionBucket;
  static constexpr unsigned kWays = Bucket::kWays;
  static constexpr uint16_t kNotEstablished = 0x8000;
  static constexpr uint16_t kIsBrief = 0x8000;

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
  Bucket* BucketAt(uint32_t index) const { return &buckets_[index]; }

  // Owner. The flow's entry, unchanged.
  static ConnectionHit LookupIn(Bucket& bucket, uint32_t tag, uint16_t tick);
  // A packet of the flow at `tick`. REQUIRES: hit.found, and nothing was inserted since.
  static void Keep(const ConnectionHit& hit, uint16_t tick, Touch touch);
  // Empties the place; false: it was empty already.
  static bool Remove(const ConnectionHit& hit);
  InsertResult Insert(const Place& place, BackendId backend, uint16_t tick,
                      const ConnectionTimeouts& timeouts, EntryState state);
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
        if (entry.tag == 0) continue;
        const auto backend = static_cast<uint16_t>(entry.backend & ~kNotEstablished);
        const auto seen = static_cast<uint16_t>(entry.seen & ~kIsBrief);
        if (!visit(entry.tag, BackendId(backend), seen)) return false;
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
  static uint16_t BackendBits(BackendId id, EntryState state) {
    return static_cast<uint16_t>(id.value() |
                                 (state == EntryState::kEstablished ? 0 : kNotEstablished));
  }
  static uint16_t SeenBits(uint16_t tick, EntryState state) {
    return static_cast<uint16_t>((tick & kTickMask) | (state == EntryState::kBrief ? kIsBrief : 0));
  }
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

}  // namespace internal

// Without a branch: whether a flow lies in this bucket is what no processor can guess.
inline ConnectionHit ConnectionShard::LookupIn(Bucket& bucket, uint32_t tag, uint16_t tick) {
  const unsigned match = internal::MatchMask(bucket, tag);
  const unsigned way = internal::FirstBit(match | 1u << (kWays - 1));
  const uint16_t seen = bucket.seen[way];
  const auto backend = static_cast<uint16_t>(bucket.backend[way] & ~kNotEstablished);
  return {match != 0, (seen & kIsBrief) != 0,   BackendId(backend), TickAge(tick, seen), &bucket,
          tag,        static_cast<uint8_t>(way)};
}

inline void ConnectionShard::Keep(const ConnectionHit& hit, uint16_t tick, Touch touch) {
  if (touch == Touch::kNothing) return;
  uint16_t& backend = hit.bucket->backend[hit.way];
  uint16_t& seen = hit.bucket->seen[hit.way];
  if (touch == Touch::kOpen) {
    internal::Store(seen, static_cast<uint16_t>((tick & kTickMask) | (seen & kIsBrief)));
    return;
  }
  const EntryState state = touch == Touch::kConfirm ? EntryState::kEstablished : EntryState::kBrief;
  internal::Store(seen, SeenBits(tick, state));
  const uint16_t bits = BackendBits(hit.backend, state);
  if (bits != backend) internal::Store(backend, bits);
}

}  // namespace flyover::lb
