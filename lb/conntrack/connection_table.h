// Which backend a flow of one lcore goes to where the Maglev table alone would not say so
// (lb/datapath/flow_choice.h decides which flows that are). Divided into shards by flow hash; a
// shard is what could move to another lcore one day.
//
// An insert never fails. Among the 16 places that a flow may take, in this order: an empty one; an
// expired one; that of a flow that is not established; of an established UDP flow; of an
// established TCP flow. Of several the one that was silent for longest. So one place of the 16 is
// all that any number of forged first packets can take from established flows. Nothing expires by a
// timer: an entry's age is judged when it is met, and by a sweep that takes a few buckets at a
// time.
//
// Threads: one lcore, the owner, calls what is listed under it; the rest is for any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "common/net/flow_hash.h"
#include "lb/conntrack/connection_shard.h"
#include "lb/conntrack/connection_timeouts.h"

namespace flyover::lb {

class ConnectionTable {
 public:
  static constexpr unsigned kShards = 16;
  static constexpr unsigned kMaxBatch = 64;

  // Room for at least `capacity` flows, 8 bytes each (rounded up so that a shard's size is a power
  // of two). Errors: kResourceExhausted, naming the bytes.
  static Result<std::unique_ptr<ConnectionTable>> Create(uint32_t capacity);

  // ---- Owner ----

  // Looks up n <= kMaxBatch flows. Changes nothing: a hit is to be kept or removed.
  void Lookup(const uint64_t* flow_hash, unsigned n, uint16_t tick, ConnectionHit* hits);
  // A packet of the flow at `tick`. REQUIRES: hit.found, and nothing was inserted since.
  void Keep(const ConnectionHit& hit, uint16_t tick, Touch touch) {
    ConnectionShard::Keep(hit, tick, touch);
  }
  // The entry no longer counts. The same REQUIRES; may be said twice.
  void Remove(const ConnectionHit& hit);
  // Makes or overwrites the flow's entry.
  InsertResult Insert(uint64_t flow_hash, BackendId backend, uint16_t tick,
                      const ConnectionTimeouts& timeouts,
                      EntryState state = EntryState::kEstablished);
  // Removes expired flows from the next `buckets` buckets, round and round.
  void Sweep(unsigned buckets, uint16_t tick, const ConnectionTimeouts& timeouts);
  // Takes all memory now, from the calling thread's NUMA node.
  void Prefault();

  // ---- Any thread ----

  // Without touching the entry: for ICMP errors, whose flow may belong to another lcore.
  ConnectionHit Find(uint64_t flow_hash, uint16_t tick) const;

  uint64_t capacity() const { return bucket_count_ * ConnectionShard::kWays; }
  uint64_t memory_bytes() const { return bucket_count_ * sizeof(ConnectionShard::Bucket); }
  uint64_t occupancy() const { return occupancy_.load(std::memory_order_relaxed); }
  uint64_t inserts() const { return inserts_.load(std::memory_order_relaxed); }
  uint64_t evictions() const { return evictions_.load(std::memory_order_relaxed); }
  // Complete passes of the sweep. When it has risen by two, every bucket was swept in between.
  uint64_t sweeps() const { return sweeps_.load(std::memory_order_acquire); }

  // Calls visit(tag, backend, seen) for every flow until it returns false.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const auto& shard : shards_) {
      if (!shard->ForEach(visit)) return;
    }
  }

 private:
  // Bits of their own for each purpose, none of them the lcore's or Maglev's (flow_slices.h).
  struct Slices {
    explicit Slices(uint64_t flow_hash)
        : mixed(Mum(flow_hash ^ 0x8ebc6af09c88c6e3ULL, 0x589965cc75374cc3ULL)) {}
    uint32_t tag() const { return static_cast<uint32_t>(mixed >> 32); }
    uint32_t shard() const { return static_cast<uint32_t>(mixed) % kShards; }
    uint32_t bucket() const { return static_cast<uint32_t>(mixed) / kShards; }
    uint64_t mixed;
  };

  ConnectionTable() = default;
  static void Bump(std::atomic<uint64_t>& counter, uint64_t n) {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  std::array<std::unique_ptr<ConnectionShard>, kShards> shards_;
  uint64_t bucket_count_ = 0;
  unsigned sweep_shard_ = 0;
  uint32_t sweep_bucket_ = 0;
  std::atomic<uint64_t> occupancy_{0};
  std::atomic<uint64_t> inserts_{0};
  std::atomic<uint64_t> evictions_{0};
  std::atomic<uint64_t> sweeps_{0};
};

}  // namespace flyover::lb
