// Where the fragments of a datagram to a VIP go: to the backend of its first one, which alone has
// ports. Those that come earlier wait, few and shortly.
//
// Bounded: 2,048 datagrams and 64 waiting fragments a lcore, a burst: of one that comes whole in a
// burst all but the first have to wait for it. A datagram is known by 64 bits of a keyed hash of
// what identifies it (RFC 791 3.2, RFC 8200 4.5), for a second or two; when its set is full it
// replaces the oldest there.
//
// Threads: its lcore. Others may call Find: the first fragment may have come to another lcore than
// the rest, where a NIC spreads it by its ports.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/strong_id.h"
#include "common/datapath/burst.h"
#include "common/net/flow_hash.h"
#include "lb/service/lb_counters.h"

namespace flyover::lb {

// REQUIRES: an IP packet with kFragment. Never 0.
uint64_t FragmentKey(const HashKey& key, rte_mbuf* m, const PacketMeta& meta);

class FragmentTable {
 public:
  static constexpr unsigned kDatagrams = 2048;
  static constexpr unsigned kMostHeld = kMaxBurst;
  // A quarter of a second is a tick.
  static constexpr uint32_t kLifetime = 8;  // of a datagram
  static constexpr uint32_t kPatience = 4;  // of a fragment that waits
  static uint32_t Tick(uint64_t now, uint64_t tsc_hz) {
    return static_cast<uint32_t>(now / (tsc_hz / 4));
  }

  struct Target {
    ServiceId service;
    BackendId backend;
  };

  FragmentTable() : entries_(kDatagrams) {}

  // Any thread.
  std::optional<Target> Find(uint64_t key, uint32_t tick) const;
  // Here, or in one of `others`.
  std::optional<Target> FindAnywhere(const std::vector<const FragmentTable*>& others, uint64_t key,
                                     uint32_t tick) const;
  // The first fragment went there.
  void Learn(uint64_t key, const Target& target, uint32_t tick);

  // Takes over the fragment. Comes back when there is no room: the one that has waited longest, to
  // be dropped.
  rte_mbuf* Hold(rte_mbuf* m, const PacketMeta& meta, uint64_t key, uint32_t tick);
  bool anything_held() const { return held_count_ != 0; }
  // Moves to `ready` those of known datagrams, by any lcore's table, in order of arrival, and to
  // `late` those that have waited long enough.
  void Release(const std::vector<const FragmentTable*>& others, uint32_t tick, Burst& ready,
               Burst& late);
  void CountHeld(HeldCounts& counts) const;
  // For the end of the lcore: all, to be dropped.
  void ReleaseAll(Burst& all);

 private:
  static constexpr unsigned kWays = 4;
  // Written value first, then key; a reader looks at the key again after the value.
  struct Entry {
    std::atomic<uint64_t> key{0};
    std::atomic<uint64_t> value{0};  // service:16 backend:16 tick:32
  };
  struct Held {
    rte_mbuf* m = nullptr;
    PacketMeta meta;
    uint64_t key = 0;
    uint32_t since = 0;
  };

  static void Write(Entry& entry, uint64_t key, uint64_t value);
  static size_t SetOf(uint64_t key) { return (key >> 32) % (kDatagrams / kWays) * kWays; }

  // The i-th in order of arrival.
  Held& HeldAt(unsigned i) { return held_[(first_held_ + i) % kMostHeld]; }
  const Held& HeldAt(unsigned i) const { return held_[(first_held_ + i) % kMostHeld]; }

  std::vector<Entry> entries_;        // sets of kWays, the youngest first
  std::array<Held, kMostHeld> held_;  // a ring
  unsigned first_held_ = 0;
  unsigned held_count_ = 0;
};

}  // namespace flyover::lb
