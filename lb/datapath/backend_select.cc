#include "lb/datapath/backend_select.h"

#include "lb/datapath/flow_choice.h"
#include "lb/datapath/tcp_flags.h"
#include "lb/service/flow_slices.h"

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

}  // namespace

void BackendSelect(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
                   const IndexList& in, IndexList& out) {
  for (const unsigned i : in) {
    const PacketMeta& meta = burst.meta[i];
    table.Service(ServiceId(meta.service)).maglev->Prefetch(MaglevSlice(meta.flow_hash));
  }
  const uint16_t tick = lcore.clock.Tick(context.now());
  for (const unsigned i : in) {
    PacketMeta& meta = burst.meta[i];
    const ServiceId id(meta.service);
    const Touch touch = TouchOf(meta, burst.pkt[i]);
    FlowChoice choice = ChooseBackend(table, id, meta.flow_hash, touch == Touch::kOpen);
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
