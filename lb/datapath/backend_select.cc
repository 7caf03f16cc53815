#include "lb/datapath/backend_select.h"

#include "common/net/headers.h"
#include "lb/service/flow_slices.h"

namespace flyover::lb {
namespace {

// A segment that ends a connection, or that no TCP sends, makes none: it goes where its flow would.
bool MakesConnection(const PacketMeta& meta, rte_mbuf* m) {
  if (meta.protocol != kProtoTcp) return true;
  const uint8_t flags = HeaderAt<TcpHeader>(m, meta.l4_offset)->flags;
  return (flags & (kTcpFin | kTcpRst)) == 0 && (flags & (kTcpSyn | kTcpAck)) != 0;
}

}  // namespace

void BackendSelect(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
                   const IndexList& in, IndexList& out) {
  for (const unsigned i : in) {
    const PacketMeta& meta = burst.meta[i];
    table.Service(ServiceId(meta.service)).maglev->Prefetch(MaglevSlice(meta.flow_hash));
  }
  const uint16_t tick = lcore.clock.Tick(context.now());
  const ConnectionTimeouts timeouts = table.connection_timeouts();
  for (const unsigned i : in) {
    PacketMeta& meta = burst.meta[i];
    const ServiceId id(meta.service);
    const ServiceEntry& service = table.Service(id);
    const uint16_t choice = service.maglev->Lookup(MaglevSlice(meta.flow_hash));
    if (choice == MaglevTable::kNone) {
      lcore.counters.service(id).no_backend.Add(1);
      context.Drop(burst.pkt[i], DropReason::kVipNoBackend);
      continue;
    }
    const BackendId backend = service.pool[choice];
    meta.backend = backend.value();
    // A burst may hold several packets of a new flow: only the first makes it a connection.
    if (MakesConnection(meta, burst.pkt[i]) &&
        lcore.connections->Insert(meta.flow_hash, backend, tick, timeouts) !=
            InsertResult::kUnchanged) {
      lcore.counters.service(id).new_connections.Add(1);
      lcore.counters.backend(backend).new_connections.Add(1);
    }
    out.Add(i);
  }
}

}  // namespace flyover::lb
