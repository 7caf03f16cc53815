#include "lb/conntrack/connection_shard.h"

#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <string>

namespace flyover::lb {

using internal::FirstBit;
using internal::Load;
using internal::MatchMask;
using internal::Store;

namespace {

bool Brief(uint16_t seen) { return (seen & ConnectionShard::kIsBrief) != 0; }
BackendId IdOf(uint16_t backend) {
  return BackendId(static_cast<uint16_t>(backend & ~ConnectionShard::kNotEstablished));
}
bool Expired(uint16_t backend, uint16_t seen, uint16_t tick, const ConnectionTimeouts& timeouts) {
  return TickAge(tick, seen) > timeouts.Of(IdOf(backend).value(), Brief(seen));
}

// The lower, the sooner it makes room.
unsigned Worth(uint16_t backend, const ConnectionTimeouts& timeouts) {
  if ((backend & ConnectionShard::kNotEstablished) != 0) return 0;
  return timeouts.IsUdp(backend) ? 1 : 2;
}

}  // namespace

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

bool ConnectionShard::Remove(const ConnectionHit& hit) {
  uint32_t& tag = hit.bucket->tag[hit.way];
  if (tag != hit.tag) return false;
  Store(tag, 0u);
  return true;
}

InsertResult ConnectionShard::Insert(const Place& place, BackendId backend, uint16_t tick,
                                     const ConnectionTimeouts& timeouts, EntryState state) {
  const uint16_t backend_bits = BackendBits(backend, state);
  const uint16_t seen_bits = SeenBits(tick, state);
  for (const uint32_t index : {place.first, place.second}) {
    Bucket& bucket = buckets_[index];
    if (const unsigned match = MatchMask(bucket, place.tag); match != 0) {
      const unsigned way = FirstBit(match);
      const bool same = IdOf(bucket.backend[way]) == backend;
      Store(bucket.backend[way], backend_bits);
      Store(bucket.seen[way], seen_bits);
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
    Write(buckets_[first ? place.first : place.second], FirstBit(empty), place.tag, backend_bits,
          seen_bits);
    return InsertResult::kNew;
  }
  Bucket* victim = &buckets_[place.first];
  unsigned victim_way = 0;
  unsigned victim_worth = ~0u;
  uint16_t victim_age = 0;
  for (const uint32_t index : {place.first, place.second}) {
    Bucket& bucket = buckets_[index];
    for (unsigned way = 0; way < kWays; ++way) {
      if (Expired(bucket.backend[way], bucket.seen[way], tick, timeouts)) {
        Write(bucket, way, place.tag, backend_bits, seen_bits);
        return InsertResult::kReplacedExpired;
      }
      const unsigned worth = Worth(bucket.backend[way], timeouts);
      const uint16_t age = TickAge(tick, bucket.seen[way]);
      if (worth < victim_worth || (worth == victim_worth && age > victim_age)) {
        victim = &bucket;
        victim_way = way;
        victim_worth = worth;
        victim_age = age;
      }
    }
  }
  Write(*victim, victim_way, place.tag, backend_bits, seen_bits);
  return InsertResult::kEvicted;
}

unsigned ConnectionShard::SweepBucket(uint32_t index, uint16_t tick,
                                      const ConnectionTimeouts& timeouts) {
  Bucket& bucket = buckets_[index];
  unsigned removed = 0;
  for (unsigned used = ~MatchMask(bucket, 0) & 0xff; used != 0; used &= used - 1) {
    const unsigned way = FirstBit(used);
    if (Expired(bucket.backend[way], bucket.seen[way], tick, timeouts)) {
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
      const uint16_t age = TickAge(tick, entry.seen);
      ConnectionHit hit;
      hit.found = true;
      hit.brief = Brief(entry.seen);
      hit.backend = IdOf(entry.backend);
      hit.idle = age == kTickMask ? uint16_t{0} : age;
      return hit;
    }
  }
  return {};
}

}  // namespace flyover::lb
