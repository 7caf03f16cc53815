#include "router/datapath/plain_output.h"

#include "common/net/headers.h"
#include "router/datapath/hop.h"

namespace flyover::router {
namespace {

// Ours, and nothing but the link bounds it: to a backend, or an answer.
bool MayLeave(rte_mbuf* m, const PacketMeta& meta, const Adjacency& adjacency) {
  if (meta.path_mtu != 0 && meta.overhead != 0) return false;
  if ((meta.flags & kOnLinkOnly) != 0 && adjacency.nexthop != LookupAddress(meta)) return false;
  return !IsDeadOnArrival(m, meta);
}

}  // namespace

void PlainOutput(RouterLcore& router, const PortTable& ports, Burst& burst, const IndexList& in,
                 IndexList& ready, std::array<PortIndex, kMaxBurst>& egress, IndexList& others) {
  const AdjacencyTable& adjacencies = router.tables->adjacencies;
  for (const uint8_t i : in) {
    rte_mbuf* const m = burst.pkt[i];
    const PacketMeta& meta = burst.meta[i];
    const Adjacency& adjacency = adjacencies.Get(AdjacencyId(meta.adjacency));
    // The packet itself last: what takes its hop has nothing left to fail.
    const bool plain =
        adjacency.state == AdjacencyState::kResolved && ports[adjacency.port].up &&
        meta.l3_length <= adjacency.mtu && (meta.flags & kTtlDone) == 0 &&
        ((meta.flags & kOriginated) == 0 ? TakeHop(m, meta) : MayLeave(m, meta, adjacency));
    if (!plain) [[unlikely]] {
      others.Add(i);
      continue;
    }
    WriteEthernet(router, adjacency, m, meta);
    egress[i] = adjacency.port;
    ready.Add(i);
  }
}

}  // namespace flyover::router
