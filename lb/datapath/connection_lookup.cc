#include "lb/datapath/connection_lookup.h"

#include <array>

#include "common/net/headers.h"

namespace flyover::lb {
namespace {

bool OpensConnection(const PacketMeta& meta, rte_mbuf* m) {
  return meta.protocol == kProtoTcp &&
         (HeaderAt<TcpHeader>(m, meta.l4_offset)->flags & (kTcpSyn | kTcpAck)) == kTcpSyn;
}

bool MayKeep(const ServiceTable& table, const PacketMeta& meta, rte_mbuf* m,
             const ConnectionHit& hit) {
  const ServiceId service(meta.service);
  if (!hit.found || hit.idle > table.Service(service).timeout) return false;
  const BackendEntry& backend = table.Backend(hit.backend);
  if (backend.service != service) return false;
  switch (backend.state) {
    case BackendState::kActive:
      return true;
    case BackendState::kDrained:
      return !OpensConnection(meta, m);
    case BackendState::kDown:
      // A failed check is no proof: moving an established connection breaks it for certain, and a
      // client of a dead server opens a new one. UDP has nothing that could break.
      return meta.protocol == kProtoTcp && !OpensConnection(meta, m);
    case BackendState::kAbsent:
      return false;
  }
  return false;
}

}  // namespace

void ConnectionLookup(StageContext& context, LbLcore& lcore, const ServiceTable& table,
                      Burst& burst, const IndexList& in, ConnectionEdges& out) {
  std::array<uint64_t, kMaxBurst> hash;
  std::array<uint8_t, kMaxBurst> index;
  std::array<ConnectionHit, kMaxBurst> hits;
  unsigned n = 0;
  for (const unsigned i : in) {
    if ((burst.meta[i].flags & kIcmpError) != 0) {
      out.hit.Add(i);
      continue;
    }
    hash[n] = burst.meta[i].flow_hash;
    index[n++] = static_cast<uint8_t>(i);
  }
  if (n == 0) return;
  lcore.connections->Lookup(hash.data(), n, lcore.clock.Tick(context.now()), hits.data());
  for (unsigned k = 0; k < n; ++k) {
    const unsigned i = index[k];
    PacketMeta& meta = burst.meta[i];
    if (MayKeep(table, meta, burst.pkt[i], hits[k])) {
      meta.backend = hits[k].backend.value();
      out.hit.Add(i);
    } else {
      out.miss.Add(i);
    }
  }
}

}  // namespace flyover::lb
