// Stages 10 and 11 of docs/life_of_a_packet.md in one look, for what nearly all packets are there:
// alive, not longer than the link, to a neighbour that is known by a port that is up.
//
// It decides nothing that ttl_mtu and adjacency_rewrite would not: `ready` packets leave exactly as
// they would leave those, and all others are untouched: stages 10 and 11 have the rules one by one.
// Its test compares the two ways.
#pragma once

#include <array>
#include <cstring>

#include "common/datapath/burst.h"
#include "common/net/headers.h"
#include "router/datapath/port_table.h"
#include "router/datapath/router_lcore.h"

namespace flyover::router {

// In:   packets with meta.adjacency set
// Out:  ready   the frame is complete; egress[i] is its port
//       others  for stages 10 and 11
void PlainOutput(RouterLcore& router, const PortTable& ports, Burst& burst, const IndexList& in,
                 IndexList& ready, std::array<PortIndex, kMaxBurst>& egress, IndexList& others);

// Stage 11 of one packet: the Ethernet header, and the packet in its neighbour's count. The
// neighbour is resolved.
inline void WriteEthernet(RouterLcore& router, const Adjacency& adjacency, rte_mbuf* m,
                          const PacketMeta& meta) {
  router.use.Count(adjacency.counter);
  // Stage 2 took tags off: the Ethernet header ends where the IP header begins.
  auto* const ethernet =
      HeaderAt<EthernetHeader>(m, meta.l3_offset - static_cast<unsigned>(sizeof(EthernetHeader)));
  std::memcpy(static_cast<void*>(ethernet), adjacency.dst_src_mac.data(), 12);
  ethernet->type = Be16((meta.flags & kIpv6) != 0 ? kEtherTypeIpv6 : kEtherTypeIpv4);
}

}  // namespace flyover::router
