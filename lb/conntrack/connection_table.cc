#include "lb/conntrack/connection_table.h"

#include <algorithm>
#include <bit>

namespace flyover::lb {

Result<std::unique_ptr<ConnectionTable>> ConnectionTable::Create(uint32_t capacity) {
  constexpr uint32_t kPerRow = kShards * ConnectionShard::kWays;
  constexpr uint32_t kMaxBuckets = 1u << 28;  // per shard: what Slices::bucket can tell apart
  const uint32_t rows = (std::max(capacity, 1u) - 1) / kPerRow + 1;
  const uint32_t buckets = std::bit_ceil(std::min(rows, kMaxBuckets));
  std::unique_ptr<ConnectionTable> table(new ConnectionTable);
  for (auto& shard : table->shards_) {
    auto created = ConnectionShard::Create(buckets);
    if (!created.ok()) return created.status();
    shard = std::move(created).value();
  }
  table->bucket_count_ = uint64_t{buckets} * kShards;
  return table;
}

void ConnectionTable::Lookup(const uint64_t* flow_hash, unsigned n, uint16_t tick,
                             ConnectionHit* hits) {
  struct Places {
    ConnectionBucket* first;
    ConnectionBucket* second;
    uint32_t tag;
  };
  std::array<Places, kMaxBatch> places;
  std::array<uint8_t, kMaxBatch> missed;
  for (unsigned i = 0; i < n; ++i) {
    const Slices slices(flow_hash[i]);
    const ConnectionShard& shard = *shards_[slices.shard()];
    const ConnectionShard::Place place = shard.PlaceOf(slices.tag(), slices.bucket());
    places[i] = {shard.BucketAt(place.first), shard.BucketAt(place.second), place.tag};
    __builtin_prefetch(places[i].first, 1);
  }
  unsigned misses = 0;
  for (unsigned i = 0; i < n; ++i) {
    hits[i] = ConnectionShard::LookupIn(*places[i].first, places[i].tag, tick);
    missed[misses] = static_cast<uint8_t>(i);
    misses += hits[i].found ? 0 : 1;
    __builtin_prefetch(hits[i].found ? places[i].first : places[i].second, 1);
  }
  for (unsigned k = 0; k < misses; ++k) {
    const unsigned i = missed[k];
    hits[i] = ConnectionShard::LookupIn(*places[i].second, places[i].tag, tick);
  }
}

void ConnectionTable::Remove(const ConnectionHit& hit) {
  if (ConnectionShard::Remove(hit)) Bump(occupancy_, -uint64_t{1});
}

InsertResult ConnectionTable::Insert(uint64_t flow_hash, BackendId backend, uint16_t tick,
                                     const ConnectionTimeouts& timeouts, EntryState state) {
  const Slices slices(flow_hash);
  ConnectionShard& shard = *shards_[slices.shard()];
  const InsertResult result =
      shard.Insert(shard.PlaceOf(slices.tag(), slices.bucket()), backend, tick, timeouts, state);
  switch (result) {
    case InsertResult::kNew:
      Bump(occupancy_, 1);
      Bump(inserts_, 1);
      break;
    case InsertResult::kReplacedExpired:
      Bump(inserts_, 1);
      break;
    case InsertResult::kEvicted:
      Bump(inserts_, 1);
      Bump(evictions_, 1);
      break;
    case InsertResult::kMoved:
    case InsertResult::kUnchanged:
      break;
  }
  return result;
}

void ConnectionTable::Sweep(unsigned buckets, uint16_t tick, const ConnectionTimeouts& timeouts) {
  unsigned removed = 0;
  for (unsigned i = 0; i < buckets; ++i) {
    ConnectionShard& shard = *shards_[sweep_shard_];
    removed += shard.SweepBucket(sweep_bucket_, tick, timeouts);
    if (++sweep_bucket_ < shard.bucket_count()) continue;
    sweep_bucket_ = 0;
    if (++sweep_shard_ < kShards) continue;
    sweep_shard_ = 0;
    sweeps_.store(sweeps() + 1, std::memory_order_release);
  }
  if (removed != 0) Bump(occupancy_, -uint64_t{removed});
}

void ConnectionTable::Prefault() {
  for (auto& shard : shards_) shard->Prefault();
}

ConnectionHit ConnectionTable::Find(uint64_t flow_hash, uint16_t tick) const {
  const Slices slices(flow_hash);
  const ConnectionShard& shard = *shards_[slices.shard()];
  return shard.Find(shard.PlaceOf(slices.tag(), slices.bucket()), tick);
}

}  // namespace flyover::lb
