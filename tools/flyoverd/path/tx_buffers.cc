#include "tools/flyoverd/path/tx_buffers.h"

#include <rte_ethdev.h>

namespace flyover {

void TxBuffers::UseQueue(PortIndex port, uint16_t dpdk_port, uint16_t queue) {
  Port& p = ports_[port.value()];
  p.index = port;
  p.dpdk_port = dpdk_port;
  p.queue = queue;
  in_use_[in_use_count_++] = port.value();
}

void TxBuffers::UseRing(PortIndex port, rte_ring* egress_ring, Wakeup& owner) {
  Port& p = ports_[port.value()];
  p.index = port;
  p.ring = egress_ring;
  p.owner = &owner;
  in_use_[in_use_count_++] = port.value();
}

void TxBuffers::Flush(StageContext& ctx, PortIndex port) {
  Port& p = ports_[port.value()];
  if (p.count == 0) return;
  uint16_t taken;
  DropReason refused;
  if (p.ring == nullptr) {
    taken = rte_eth_tx_burst(p.dpdk_port, p.queue, p.packets.data(), p.count);
    refused = DropReason::kTxFull;
    packets_ += taken;
    Count(ctx.ledger(), p, taken, &SourceLedger::tx);
  } else {
    for (uint16_t i = 0; i < p.count; ++i) SetEgress(p.packets[i], port);
    taken = static_cast<uint16_t>(rte_ring_sp_enqueue_burst(
        p.ring, reinterpret_cast<void**>(p.packets.data()), p.count, nullptr));
    refused = DropReason::kHandoffFull;
    Count(ctx.ledger(), p, taken, &SourceLedger::handed_over);
    p.owner->Wake();
  }
  for (uint16_t i = taken; i < p.count; ++i) ctx.Drop(p.packets[i], refused);
  p.count = 0;
}

void TxBuffers::Count(Ledger& ledger, const Port& p, uint16_t taken, uint64_t SourceLedger::*term) {
  for (uint16_t i = 0; i < taken;) {
    const SourceId source = p.sources[i];
    uint16_t same = 1;
    while (i + same < taken && p.sources[i + same] == source) ++same;
    ledger[source].*term += same;
    i = static_cast<uint16_t>(i + same);
  }
}

void TxBuffers::FlushAll(StageContext& ctx) {
  for (unsigned n = 0; n < in_use_count_; ++n) Flush(ctx, PortIndex(in_use_[n]));
}

void TxBuffers::CountHeld(HeldCounts& counts) const {
  for (const Port& p : ports_) {
    for (uint16_t i = 0; i < p.count; ++i) ++counts[SourceOf(p.packets[i]).value()];
  }
}

}  // namespace flyover
