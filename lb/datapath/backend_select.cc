#include "lb/datapath/backend_select.h"

#include <array>
#include <cstddef>

#include "common/net/headers.h"
#include "lb/datapath/flow_choice.h"
#include "lb/datapath/tcp_flags.h"
#include "lb/service/affinity.h"

namespace flyover::lb {
namespace {

// A packet of the same burst may have made the entry since connection_lookup looked: one that was
// there before and no longer counts is gone by now.
bool KnownByNow(LbLcore& lcore, const PacketMeta& meta, uint16_t tick, Touch touch,
                BackendId& backend) {
  ConnectionHit hit;
  lcore.connections->Lookup(&meta.flow_hash, 1, tick, &hit);
  if (!hit.found) return false;
  lcore.connections->Keep(hit, tick, touch);
  backend = hit.backend;
  return true;
}

// REQUIRES: TCP or UDP with kL4Valid.
FlowFacts FactsOf(const PacketMeta& meta, rte_mbuf* m, uint64_t hash) {
  const bool v6 = (meta.flags & kIpv6) != 0;
  const unsigned source = v6 ? offsetof(Ipv6Header, src) : offsetof(Ipv4Header, src);
  return {hash, HeaderAt<uint8_t>(m, meta.l3_offset + source), HeaderAt<uint8_t>(m, meta.l4_offset),
          v6};
}

// With `affinity: packet` each packet is a flow of its own.
uint64_t HashFor(LbLcore& lcore, const ServiceEntry& service, const PacketMeta& meta) {
  if (service.rule.kind != Affinity::kPacket) [[likely]]
    return meta.flow_hash;
  return Mum(meta.flow_hash ^ ++lcore.packet_number, lcore.flow_key.b | 1);
}

}  // namespace

void BackendSelect(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
                   const IndexList& in, IndexList& out) {
  std::array<uint32_t, kMaxBurst> slices;  // by packet
  for (const unsigned i : in) {
    const PacketMeta& meta = burst.meta[i];
    const ServiceEntry& service = table.Service(ServiceId(meta.service));
    const FlowFacts facts = FactsOf(meta, burst.pkt[i], HashFor(lcore, service, meta));
    slices[i] = SliceOf(service.rule, lcore.flow_key, facts);
    service.maglev->Prefetch(slices[i]);
  }
  const uint16_t tick = lcore.clock.Tick(context.now());
  for (const unsigned i : in) {
    PacketMeta& meta = burst.meta[i];
    const ServiceId id(meta.service);
    const Touch touch = TouchOf(meta, burst.pkt[i]);
    const auto facts = [&] { return FactsOf(meta, burst.pkt[i], meta.flow_hash); };
    FlowChoice choice =
        ChooseBackend(table, id, slices[i], lcore.flow_key, facts, touch == Touch::kOpen);
    if (!choice.found) {
      lcore.counters.service(id).no_backend.Add(1);
      context.Drop(burst.pkt[i], DropReason::kVipNoBackend);
      continue;
    }
    // FIN and RST end a flow, other flags tell of none: nothing is worth remembering.
    const bool ends = touch == Touch::kClose || touch == Touch::kNothing;
    if (__builtin_expect(choice.remember, 0) &&
        !KnownByNow(lcore, meta, tick, touch, choice.backend) && !ends) {
      lcore.connections->Insert(
          meta.flow_hash, choice.backend, tick, table.connection_timeouts(),
          touch == Touch::kOpen ? EntryState::kBrief : EntryState::kTentative);
    }
    meta.backend = choice.backend.value();
    if (touch == Touch::kOpen) {
      lcore.counters.service(id).new_connections.Add(1);
      lcore.counters.backend(choice.backend).new_connections.Add(1);
    }
    out.Add(i);
  }
}

}  // namespace flyover::lb
