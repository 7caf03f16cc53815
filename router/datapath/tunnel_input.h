// Packets to this box that belong to a tunnel: the outer headers come off, and the rest is a frame
// that came in by the tunnel's port.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "router/datapath/router_lcore.h"

namespace flyover::router {

// True: the packet is in `inner` now (or was dropped: tunnel_ecn, RFC 6040 4.2). False: it is no
// tunnel's, and unchanged. REQUIRES: a validated IP packet; room in `inner`.
bool TunnelInput(StageContext& ctx, RouterLcore& router, const PortTable& ports, rte_mbuf* m,
                 const PacketMeta& meta, Burst& inner);

// An ICMP error to this box: a "too big" about a tunnel's packet is remembered for the tunnel.
void LearnTunnelMtu(StageContext& ctx, RouterLcore& router, const PortTable& ports, rte_mbuf* m,
                    const PacketMeta& meta);

}  // namespace flyover::router
