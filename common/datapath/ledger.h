// The books of one forwarding thread (an lcore or the exception thread): where each packet came
// from and where it went. For every source, and so in all:
//
//   rx + from_kernel + generated + copies = tx + punted + sum(drops) + buffered
//
// A packet's source is stamped once, into mbuf.port, and never changes. Each term is counted where
// it happens; none is computed from the others. `taken_over` and `handed_over` count crossings
// between threads, so that each thread's own books balance at its own quiescent point, and the sum
// over threads therefore balances at any moment:
//
//   entered + copies + taken_over = tx + punted + sum(drops) + handed_over + held      (per thread)
//   buffered = sum(held) + sum(handed_over) - sum(taken_over)                           (over
//   threads)
//
// Threads: one writer, the owning thread. Others read a copy that the owner makes at its quiescent
// point (common/datapath/ledger_snapshot.h).
#pragma once

#include <array>
#include <cstdint>

#include "common/base/strong_id.h"
#include "common/datapath/reasons.h"

namespace flyover {

// Where a packet entered: a port (counted as rx), a port's TAP (from_kernel), or made here
// (generated).
using SourceId = StrongId<struct SourceIdTag, uint8_t>;
inline constexpr unsigned kSourceCount = 2 * kMaxPorts + 1;
inline constexpr SourceId PortSource(PortIndex p) { return SourceId(p.value()); }
inline constexpr SourceId TapSource(PortIndex p) {
  return SourceId(static_cast<uint8_t>(kMaxPorts + p.value()));
}
inline constexpr SourceId kGeneratedSource{2 * kMaxPorts};

struct SourceLedger {
  uint64_t entered = 0;  // rx, from_kernel or generated, by the kind of source
  uint64_t copies = 0;   // made of a packet of this source, each of which leaves on its own
  uint64_t taken_over = 0;
  uint64_t handed_over = 0;
  uint64_t tx = 0;
  uint64_t punted = 0;
  std::array<uint64_t, kDropReasonCount> drops{};
};

struct Ledger {
  std::array<SourceLedger, kSourceCount> sources{};

  SourceLedger& operator[](SourceId s) { return sources[s.value()]; }
  const SourceLedger& operator[](SourceId s) const { return sources[s.value()]; }
};

// Packets per source that a thread holds right now (hold queues, transmit buffers), counted by
// looking.
using HeldCounts = std::array<uint64_t, kSourceCount>;

}  // namespace flyover
