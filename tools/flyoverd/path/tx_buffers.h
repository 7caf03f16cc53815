// Stage 12: packets that leave, gathered per device and given to it once a loop. One per lcore.
//
// A VLAN sub-interface is its device plus the tags that its frames get here, on their last step.
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
#include "common/datapath/relaxed_counter.h"
#include "common/datapath/stage_context.h"
#include "common/datapath/vlan.h"
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
  struct Queue {
    uint16_t dpdk_port = 0;
    uint16_t queue = 0;
    bool poll = false;     // the device wants to be called every loop, packets or not (LACP)
    bool prepare = false;  // packets may ask it for an offload: rte_eth_tx_prepare
  };
  void UseQueue(PortIndex port, const Queue& queue);
  // Another lcore does: it takes packets from `egress_ring` (single producer: this lcore), and is
  // woken by `owner`.
  void UseRing(PortIndex port, rte_ring* egress_ring, Wakeup& owner);
  // The port's frames leave by `device`, which was set up, with these tags.
  void UseVlan(PortIndex port, PortIndex device, const VlanPush& push);

  // Takes over the packet. REQUIRES: the port was set up.
  void Add(StageContext& ctx, PortIndex port, rte_mbuf* m) {
    const Egress& egress = egress_[port.value()];
    if (__builtin_expect(egress.push.length != 0, 0)) {
      m = Tag(ctx, port, m);
      if (m == nullptr) return;
    }
    Device& d = devices_[egress.device];
    d.packets[d.count] = m;
    d.sources[d.count] = SourceOf(m);
    ++d.count;
    if (d.count == kMaxBurst) Flush(ctx, d);
  }
  // The same for many, packet i to port egress[i]: nearly always all to one.
  void Add(StageContext& ctx, const Burst& burst, const IndexList& in,
           const std::array<PortIndex, kMaxBurst>& egress);
  void FlushAll(StageContext& ctx);
  void CountHeld(HeldCounts& counts) const;
  uint64_t packets() const { return packets_; }
  // Sub-interfaces only: a device counts for itself. Any thread may read.
  const TrafficCounters& sent(PortIndex port) const { return egress_[port.value()].sent; }

 private:
  struct Egress {
    uint8_t device = 0;  // of devices_
    VlanPush push;
    TrafficCounters sent;
  };
  struct Device {
    Queue queue;
    uint16_t count = 0;
    PortIndex index = kNoPort;
    rte_ring* ring = nullptr;  // hand over here instead of transmitting
    Wakeup* owner = nullptr;   // of the ring's consumer
    std::array<rte_mbuf*, kMaxBurst> packets;
    std::array<SourceId, kMaxBurst> sources;  // the device owns what it takes at once
  };
  // Adds the first `taken` packets to a term of their sources' books.
  static void Count(Ledger& ledger, const Device& d, uint16_t taken, uint64_t SourceLedger::*term);
  void Flush(StageContext& ctx, Device& d);
  Device& NewDevice(PortIndex port);
  // Null: no memory, and the packet was dropped.
  rte_mbuf* Tag(StageContext& ctx, PortIndex port, rte_mbuf* m);

  std::array<Egress, kMaxPorts> egress_;  // by port
  std::array<Device, kMaxDevices> devices_;
  unsigned device_count_ = 0;
  uint64_t packets_ = 0;
};

}  // namespace flyover
