// Stage 12: packets that leave, gathered per port and given to the device once a loop. One per
// lcore.
//
// A device with fewer transmit queues than lcores is owned by one lcore per queue; the others hand
// their packets to an owner over its egress ring. What the device refuses is dropped by name
// (tx_full): an lcore never waits.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>

#include "common/base/strong_id.h"
#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "common/datapath/wakeup.h"

namespace flyover {

// The port that a packet on an egress ring leaves by.
inline void SetEgress(rte_mbuf* m, PortIndex port) { m->hash.usr = port.value(); }
inline PortIndex EgressOf(const rte_mbuf* m) {
  return PortIndex(static_cast<uint8_t>(m->hash.usr));
}

class TxBuffers {
 public:
  // This lcore transmits on `queue` of the device itself.
  void UseQueue(PortIndex port, uint16_t dpdk_port, uint16_t queue);
  // Another lcore does: it takes packets from `egress_ring` (single producer: this lcore), and is
  // woken by `owner`.
  void UseRing(PortIndex port, rte_ring* egress_ring, Wakeup& owner);

  // Takes over the packet. REQUIRES: the port was set up.
  void Add(StageContext& ctx, PortIndex port, rte_mbuf* m) {
    Port& p = ports_[port.value()];
    p.packets[p.count] = m;
    p.sources[p.count] = SourceOf(m);
    ++p.count;
    if (p.count == kMaxBurst) Flush(ctx, port);
  }
  void FlushAll(StageContext& ctx);
  void CountHeld(HeldCounts& counts) const;
  uint64_t packets() const { return packets_; }

 private:
  struct Port {
    uint16_t dpdk_port = 0;
    uint16_t queue = 0;
    uint16_t count = 0;
    PortIndex index = kNoPort;
    rte_ring* ring = nullptr;  // hand over here instead of transmitting
    Wakeup* owner = nullptr;   // of the ring's consumer
    std::array<rte_mbuf*, kMaxBurst> packets;
    std::array<SourceId, kMaxBurst> sources;  // the device owns what it takes at once
  };
  // Adds the first `taken` packets to a term of their sources' books.
  static void Count(Ledger& ledger, const Port& p, uint16_t taken, uint64_t SourceLedger::*term);
  void Flush(StageContext& ctx, PortIndex port);

  std::array<Port, kMaxPorts> ports_;
  std::array<uint8_t, kMaxPorts> in_use_{};
  unsigned in_use_count_ = 0;
  uint64_t packets_ = 0;
};

}  // namespace flyover
