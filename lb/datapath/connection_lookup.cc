#include "lb/datapath/connection_lookup.h"

#include <array>

#include "common/net/headers.h"
#include "lb/datapath/flow_choice.h"
#include "lb/datapath/tcp_flags.h"

namespace flyover::lb {
namespace {

// A first fragment may come to another lcore than its flow's whole packets, which have the entry.
bool FindElsewhere(LbLcore& lcore, const ServiceTable& table, uint16_t tick, rte_mbuf* m,
                   PacketMeta& meta) {
  for (const ConnectionTable* other : lcore.others) {
    const ConnectionHit hit = other->Find(meta.flow_hash, tick);
    if (!hit.found ||
        !MayFollow(table, ServiceId(meta.service), hit, TouchOf(meta, m) == Touch::kOpen))
      continue;
    meta.backend = hit.backend.value();
    return true;
  }
  return false;
}

// A QUIC packet whose connection id names a backend goes there: nothing need be known of its flow,
// which may have had another address a moment ago. REQUIRES: not later than the first fragment.
bool NamesBackend(const ServiceTable& table, rte_mbuf* m, PacketMeta& meta) {
  const ServiceId service(meta.service);
  const QuicRouting* const quic = table.Service(service).quic.get();
  if (quic == nullptr) return false;
  const unsigned payload = meta.l4_offset + static_cast<unsigned>(sizeof(UdpHeader));
  const unsigned end = std::min<unsigned>(m->data_len, unsigned{meta.l3_offset} + meta.l3_length);
  if (end <= payload) return false;
  const auto backend = quic->Find(HeaderAt<uint8_t>(m, payload), end - payload);
  if (!backend || !MayKeepBackend(table, service, *backend, false)) return false;
  meta.backend = backend->value();
  return true;
}

}  // namespace

void ConnectionLookup(StageContext& context, LbLcore& lcore, const ServiceTable& table,
                      Burst& burst, const IndexList& in, ConnectionEdges& out) {
  ConnectionTable& connections = *lcore.connections;
  const bool nothing_known = connections.occupancy() == 0;
  std::array<uint64_t, kMaxBurst> hash;
  std::array<uint8_t, kMaxBurst> index;
  std::array<ConnectionHit, kMaxBurst> hits;
  unsigned n = 0;
  for (const unsigned i : in) {
    if ((burst.meta[i].flags & (kIcmpError | kLaterFragment)) != 0) {
      out.hit.Add(i);  // service_lookup found its flow
    } else if (table.any_quic && NamesBackend(table, burst.pkt[i], burst.meta[i])) {
      out.hit.Add(i);
    } else if ((nothing_known && (burst.meta[i].flags & kFragment) == 0) ||
               table.Service(ServiceId(burst.meta[i].service)).rule.kind == Affinity::kPacket) {
      out.miss.Add(i);
    } else {
      hash[n] = burst.meta[i].flow_hash;
      index[n++] = static_cast<uint8_t>(i);
    }
  }
  if (n == 0) return;
  const uint16_t tick = lcore.clock.Tick(context.now());
  connections.Lookup(hash.data(), n, tick, hits.data());
  for (unsigned k = 0; k < n; ++k) {
    const unsigned i = index[k];
    PacketMeta& meta = burst.meta[i];
    if (!hits[k].found) {
      const bool elsewhere =
          (meta.flags & kFragment) != 0 && FindElsewhere(lcore, table, tick, burst.pkt[i], meta);
      (elsewhere ? out.hit : out.miss).Add(i);
      continue;
    }
    const Touch touch = TouchOf(meta, burst.pkt[i]);
    if (MayFollow(table, ServiceId(meta.service), hits[k], touch == Touch::kOpen)) {
      connections.Keep(hits[k], tick, touch);
      meta.backend = hits[k].backend.value();
      out.hit.Add(i);
    } else {
      connections.Remove(hits[k]);
      out.miss.Add(i);
    }
  }
}

}  // namespace flyover::lb
