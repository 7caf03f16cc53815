// Stages 9 to 11 of docs/life_of_a_packet.md: fib_lookup, ttl_mtu, adjacency_rewrite.
//
// Every stage hands packets that need an ICMP error to SendIcmpError, which appends to `answers`;
// the path runs `answers` through the same stages afterwards. No error is ever sent about an
// answer.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "router/datapath/router_lcore.h"

namespace flyover::router {

// Stage 9. Destination (meta.lookup) in its VRF (meta.vrf) -> next-hop group -> member by flow
// hash. A prefix that leaks is looked up once more, and meta.vrf is then the other VRF. In:
// validated or originated IP packets Out:  forward   meta.adjacency is set
//       hold      an on-link destination that is not resolved yet
//       punt      own addresses
//       inner     own addresses, and of a tunnel: what it carried, as a frame of the tunnel's port
//       drop      no_route, blackhole, unreachable_route, prohibited, host_unreachable, vrf_loop,
//                 vrf_local, vip_unknown_port, l2dsr_not_on_link, ipv6_link_local,
//                 ipv6_routing_header_0
void FibLookup(StageContext& ctx, RouterLcore& router, Burst& burst, const IndexList& in,
               IndexList& forward, Burst& inner, Burst& answers);

// Stage 10. Hop limits of transit packets (and of dead ones to a service), MTU of all.
// Out:  fits
//       too_long  IPv4 in transit without DF: to be cut (router/datapath/fragment.h)
//       drop      ttl_expired, mtu_exceeded
void TtlMtu(StageContext& ctx, RouterLcore& router, Burst& burst, const IndexList& in,
            IndexList& fits, IndexList& too_long, Burst& answers);

// Stage 11. The Ethernet header from the adjacency.
// Out:  ready     the frame is complete; egress[i] is its port
//       hold      the next hop is not resolved yet
//       drop      host_unreachable, port_down
void AdjacencyRewrite(StageContext& ctx, RouterLcore& router, Burst& burst, const IndexList& in,
                      IndexList& ready, std::array<PortIndex, kMaxBurst>& egress, Burst& answers);

// Gives held packets that can go on to `resume` (one target's packets a call, to run from stage 9
// on); drops those that waited too long. False when nothing more can go on. `cursor` starts at 0
// and belongs to one sweep.
bool ResumeHeld(StageContext& ctx, RouterLcore& router, unsigned& cursor, Burst& resume);

}  // namespace flyover::router
