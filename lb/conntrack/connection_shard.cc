#include "lb/conntrack/connection_shard.h"

#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <string>

namespace flyover::lb {

using internal::Age;
using internal::FirstBit;
using internal::Load;
using internal::MatchMask;
using internal::Store;

Result<std::unique_ptr<ConnectionShard>> ConnectionShard::Create(uint32_t buckets) {
  const size_t bytes = buckets * sizeof(Bucket);
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return ErrnoStatus(StatusCode::kResourceExhausted,
                       "connection table: " + std::to_string(bytes) + " bytes", errno);
  }
  madvise(memory, bytes, MADV_HUGEPAGE);  // fewer TLB misses where the kernel grants it
  return std::unique_ptr<ConnectionShard>(
      new ConnectionShard(static_cast<Bucket*>(memory), buckets));
}

ConnectionShard::~ConnectionShard() { munmap(buckets_, bucket_count() * sizeof(Bucket)); }

InsertResult ConnectionShard::Insert(const Place& place, BackendId backend, uint16_t tick,
                                     const ConnectionTimeouts& timeouts) {
  for (const uint32_t index : {place.first, place.second}) {
    Bucket& bucket = buckets_[index];
    if (const unsigned match = MatchMask(bucket, place.tag); match != 0) {
      const unsigned way = FirstBit(match);
      const bool same = bucket.backend[way] == backend.value();
      Store(bucket.backend[way], backend.value());
      Store(bucket.seen[way], tick);
      return same ? InsertResult::kUnchanged : InsertResult::kMoved;
    }
  }
  // The first bucket while it has room to spare, as then one line answers a lookup; else the
  // emptier one, which keeps buckets from filling up while others stand empty.
  constexpr int kSpare = 3;
  const unsigned empty_first = MatchMask(buckets_[place.first], 0);
  const unsigned empty_second = MatchMask(buckets_[place.second], 0);
  const bool first = std::popcount(empty_first) >= kSpare ||
                     std::popcount(empty_first) >= std::popcount(empty_second);
  if (const unsigned empty = first ? empty_first : empty_second; empty != 0) {
    Write(buckets_[first ? place.first : place.second], FirstBit(empty), place.tag, backend.value(),
          tick);
    return InsertResult::kNew;
  }
  Bucket* victim = &buckets_[place.first];
  unsigned victim_way = 0;
  uint16_t victim_age = 0;
  for (const uint32_t index : {place.first, place.second}) {
    Bucket& bucket = buckets_[index];
    for (unsigned way = 0; way < kWays; ++way) {
      const uint16_t age = Age(tick, bucket.seen[way]);
      if (age > timeouts.Of(bucket.backend[way])) {
        Write(bucket, way, place.tag, backend.value(), tick);
        return InsertResult::kReplacedExpired;
      }
      if (age > victim_age) {
        victim = &bucket;
        victim_way = way;
        victim_age = age;
      }
    }
  }
  Write(*victim, victim_way, place.tag, backend.value(), tick);
  return InsertResult::kEvicted;
}

unsigned ConnectionShard::SweepBucket(uint32_t index, uint16_t tick,
                                      const ConnectionTimeouts& timeouts) {
  Bucket& bucket = buckets_[index];
  unsigned removed = 0;
  for (unsigned used = ~MatchMask(bucket, 0) & 0xff; used != 0; used &= used - 1) {
    const unsigned way = FirstBit(used);
    if (Age(tick, bucket.seen[way]) > timeouts.Of(bucket.backend[way])) {
      Store(bucket.tag[way], 0u);
      ++removed;
    }
  }
  return removed;
}

void ConnectionShard::Prefault() {
  constexpr size_t kPage = 4096;
  auto* const bytes = reinterpret_cast<volatile uint8_t*>(buckets_);
  for (size_t i = 0; i < bucket_count() * sizeof(Bucket); i += kPage) bytes[i] = bytes[i];
}

// The tag is taken away while the rest changes. A reader that has seen one of the new values (each
// store releases, each load acquires) cannot see the old tag any more, so whoever finds the same
// tag before and after reading the rest has one entry's values.
void ConnectionShard::Write(Bucket& bucket, unsigned way, uint32_t tag, uint16_t backend,
                            uint16_t tick) {
  Store(bucket.tag[way], 0u);
  __atomic_store_n(&bucket.backend[way], backend, __ATOMIC_RELEASE);
  __atomic_store_n(&bucket.seen[way], tick, __ATOMIC_RELEASE);
  __atomic_store_n(&bucket.tag[way], tag, __ATOMIC_RELEASE);
}

ConnectionShard::Entry ConnectionShard::LoadEntry(uint32_t index, unsigned way) const {
  const Bucket& bucket = buckets_[index];
  Entry entry;
  entry.tag = __atomic_load_n(&bucket.tag[way], __ATOMIC_ACQUIRE);
  entry.backend = __atomic_load_n(&bucket.backend[way], __ATOMIC_ACQUIRE);
  entry.seen = __atomic_load_n(&bucket.seen[way], __ATOMIC_ACQUIRE);
  if (Load(bucket.tag[way]) != entry.tag) entry.tag = 0;
  return entry;
}

ConnectionHit ConnectionShard::Find(const Place& place, uint16_t tick) const {
  for (const uint32_t index : {place.first, place.second}) {
    for (unsigned way = 0; way < kWays; ++way) {
      if (Load(buckets_[index].tag[way]) != place.tag) continue;
      const Entry entry = LoadEntry(index, way);
      if (entry.tag != place.tag) continue;
      // The owner's clock may have turned a moment before the reader's.
      const uint16_t age = Age(tick, entry.seen);
      return {true, BackendId(entry.backend), age == 0xffff ? uint16_t{0} : age};
    }
  }
  return {};
}

}  // namespace flyover::lb
