// What a stage may touch besides its burst: the books, the two sinks (drop and punt), packet memory
// and the time. One per forwarding lcore; only that lcore uses it. No call here locks, logs or
// enters the kernel.
#pragma once

#include <rte_mempool.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>

#include "common/datapath/burst.h"
#include "common/datapath/ledger.h"
#include "common/datapath/reasons.h"
#include "common/datapath/stage_clock.h"
#include "common/datapath/token_bucket.h"

namespace flyover {

class StageContext {
 public:
  struct Options {
    LcoreIndex lcore;
    rte_mempool* pool = nullptr;
    rte_ring* punt_ring = nullptr;  // to the exception thread (single producer: this lcore)
    uint64_t tsc_hz = 1;
    std::array<uint32_t, kPuntClassCount> punt_rate{};  // packets per second
  };
  explicit StageContext(const Options& options);
  StageContext(const StageContext&) = delete;
  StageContext& operator=(const StageContext&) = delete;

  // Time of the current loop, TSC ticks. Read once a loop: rdtsc costs as much as a FIB lookup.
  uint64_t now() const { return now_; }
  void set_now(uint64_t tsc) { now_ = tsc; }
  uint64_t tsc_hz() const { return options_.tsc_hz; }
  LcoreIndex lcore() const { return options_.lcore; }
  rte_mempool* pool() const { return options_.pool; }
  Ledger& ledger() { return ledger_; }
  const Ledger& ledger() const { return ledger_; }
  StageClock& stages() { return stages_; }
  const StageClock& stages() const { return stages_; }

  // The two sinks. Both take over the packet. The source is read from mbuf.port.
  void Drop(rte_mbuf* m, DropReason reason);
  // To the kernel by TapOf(m); policed per class first.
  void Punt(rte_mbuf* m, PuntReason reason);

  // A new packet of our own (ICMP error, announcement), with headroom, counted as generated. Null:
  // no memory left (nothing is counted, as nothing was made).
  rte_mbuf* Generate();
  // A deep, contiguous-header copy of `m` (same source), or of `length` bytes of it from `offset`
  // on, counted as one copy. Null when out of memory.
  rte_mbuf* Copy(const rte_mbuf* m, uint32_t offset = 0, uint32_t length = UINT32_MAX);

  // Packets that were punted, by reason; those that the policer refused are drops (punt_policed).
  const std::array<uint64_t, kPuntReasonCount>& punts() const { return punts_; }
  const std::array<uint64_t, kPuntClassCount>& policed() const { return policed_; }

  // Frees what Drop collected. Once per burst.
  void FlushDrops();

 private:
  Options options_;
  uint64_t now_ = 0;
  uint16_t drop_count_ = 0;
  std::array<rte_mbuf*, kMaxBurst> drop_list_;
  std::array<TokenBucket, kPuntClassCount> policers_;
  std::array<uint64_t, kPuntReasonCount> punts_{};
  std::array<uint64_t, kPuntClassCount> policed_{};
  Ledger ledger_;
  StageClock stages_;
};

inline SourceId SourceOf(const rte_mbuf* m) { return SourceId(static_cast<uint8_t>(m->port)); }
inline void SetSource(rte_mbuf* m, SourceId source) { m->port = source.value(); }

// The port whose TAP a packet goes to the kernel by: the one it came in by, unless a tunnel carried
// it. The source stays, for the books; both share mbuf.port.
inline void SetTap(rte_mbuf* m, PortIndex port) {
  m->port = static_cast<uint16_t>((m->port & 0xff) | (port.value() + 1u) << 8);
}
inline PortIndex TapOf(const rte_mbuf* m) {
  const unsigned tap = m->port >> 8;
  return tap == 0 ? PortIndex(SourceOf(m).value()) : PortIndex(static_cast<uint8_t>(tap - 1));
}

}  // namespace flyover
