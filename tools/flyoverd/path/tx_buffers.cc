#include "tools/flyoverd/path/tx_buffers.h"

#include <rte_ethdev.h>

#include <cassert>

namespace flyover {

TxBuffers::Device& TxBuffers::NewDevice(PortIndex port) {
  assert(device_count_ < kMaxDevices);
  egress_[port.value()].device = static_cast<uint8_t>(device_count_);
  Device& d = devices_[device_count_++];
  d.index = port;
  return d;
}

void TxBuffers::UseQueue(PortIndex port, const Queue& queue) { NewDevice(port).queue = queue; }

void TxBuffers::UseRing(PortIndex port, rte_ring* egress_ring, Wakeup& owner) {
  Device& d = NewDevice(port);
  d.ring = egress_ring;
  d.owner = &owner;
}

void TxBuffers::UseVlan(PortIndex port, PortIndex device, const VlanPush& push) {
  Egress& egress = egress_[port.value()];
  egress.device = egress_[device.value()].device;
  egress.push = push;
}

void TxBuffers::Add(StageContext& ctx, const Burst& burst, const IndexList& in,
                    const std::array<PortIndex, kMaxBurst>& egress) {
  PortIndex of = kNoPort;
  Device* d = nullptr;  // where plain frames for `of` go
  for (const uint8_t i : in) {
    const PortIndex port = egress[i];
    if (port != of) [[unlikely]] {
      of = port;
      const Egress& to = egress_[port.value()];
      d = to.push.length == 0 ? &devices_[to.device] : nullptr;
    }
    rte_mbuf* const m = burst.pkt[i];
    if (d == nullptr) [[unlikely]] {
      Add(ctx, port, m);
      continue;
    }
    const unsigned at = d->count;
    d->packets[at] = m;
    d->sources[at] = SourceOf(m);
    d->count = static_cast<uint16_t>(at + 1);
    if (at + 1 == kMaxBurst) Flush(ctx, *d);
  }
}

rte_mbuf* TxBuffers::Tag(StageContext& ctx, PortIndex port, rte_mbuf* m) {
  Egress& egress = egress_[port.value()];
  const uint32_t bytes = m->pkt_len + egress.push.length;
  rte_mbuf* const tagged = PushVlanTags(m, egress.push, ctx.pool());
  if (tagged == nullptr) {
    ctx.Drop(m, DropReason::kNoMemory);
    return nullptr;
  }
  egress.sent.Add(1, bytes);
  return tagged;
}

void TxBuffers::Flush(StageContext& ctx, Device& d) {
  if (d.count == 0 && !d.queue.poll) return;
  uint16_t taken;
  DropReason refused;
  if (d.ring == nullptr) {
    const auto [port, queue, poll, prepare] = d.queue;
    const uint16_t ready =
        prepare ? rte_eth_tx_prepare(port, queue, d.packets.data(), d.count) : d.count;
    taken = rte_eth_tx_burst(port, queue, d.packets.data(), ready);
    refused = DropReason::kTxFull;
    packets_ += taken;
    Count(ctx.ledger(), d, taken, &SourceLedger::tx);
  } else {
    for (uint16_t i = 0; i < d.count; ++i) SetEgress(d.packets[i], d.index);
    taken = static_cast<uint16_t>(rte_ring_sp_enqueue_burst(
        d.ring, reinterpret_cast<void**>(d.packets.data()), d.count, nullptr));
    refused = DropReason::kHandoffFull;
    Count(ctx.ledger(), d, taken, &SourceLedger::handed_over);
    d.owner->Wake();
  }
  for (uint16_t i = taken; i < d.count; ++i) ctx.Drop(d.packets[i], refused);
  d.count = 0;
}

void TxBuffers::Count(Ledger& ledger, const Device& d, uint16_t taken,
                      uint64_t SourceLedger::*term) {
  for (uint16_t i = 0; i < taken;) {
    const SourceId source = d.sources[i];
    uint16_t same = 1;
    while (i + same < taken && d.sources[i + same] == source) ++same;
    ledger[source].*term += same;
    i = static_cast<uint16_t>(i + same);
  }
}

void TxBuffers::FlushAll(StageContext& ctx) {
  for (unsigned n = 0; n < device_count_; ++n) Flush(ctx, devices_[n]);
}

void TxBuffers::CountHeld(HeldCounts& counts) const {
  for (unsigned n = 0; n < device_count_; ++n) {
    const Device& d = devices_[n];
    for (uint16_t i = 0; i < d.count; ++i) ++counts[SourceOf(d.packets[i]).value()];
  }
}

}  // namespace flyover
