// Stage 8 of docs/life_of_a_packet.md: the packet on its way to the backend.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "lb/datapath/lb_lcore.h"
#include "lb/service/service_table.h"

namespace flyover::lb {

// In:   packets with meta.service and meta.backend set
// Out:  route   meta.lookup is the backend's address; kOriginated is set
//       drop    mtu_exceeded (longer than 65,535 bytes with the outer header), no_memory
//
// L2-DSR: the packet keeps every byte, the inner TTL too; kOnLinkOnly is set.
//
// IPIP, any pair of families (RFC 2003, RFC 2473): data then begins with 14 bytes of room for the
// Ethernet header, followed by the outer header; l3_offset is 14 and names the outer header,
// meta.overhead is its length, the inner header follows at l3_offset + overhead. The inner packet
// is not changed: we are not a hop of its own, so its TTL stays. The outer header has
//   TTL 64; source the service's; destination the backend
//   DSCP and ECN of the inner one (RFC 2983 uniform model, RFC 6040 normal mode)
//   IPv4 DF: that of an inner IPv4 header; 1 around IPv6, whose routers do not fragment either.
//            id 0 with DF (RFC 6864), else counting
//   IPv6 flow label: of the flow's hash (RFC 6438)
void Encap(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
           const IndexList& in, IndexList& route);

}  // namespace flyover::lb
