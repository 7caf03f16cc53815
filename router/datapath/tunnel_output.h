// Packets that leave by a tunnel: the outer headers, and back to stage 9 with them.
//
// In:   frames whose egress port is a tunnel; their Ethernet header is complete (VXLAN carries it)
// Out:  outer   an ordinary packet of ours to the tunnel's other end
//       drop    tunnel_loop (the way to the other end leads into a tunnel again), mtu_exceeded,
//               no_memory, unknown_ethertype
//
// ECN and DSCP are copied (RFC 6040 4.1, normal mode). DF of an inner IPv4 header is copied, IPv6
// sets it: what the path does not take earns the inner sender an error (RFC 2003 5, RFC 4459 3.2).
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "router/datapath/router_lcore.h"

namespace flyover::router {

void TunnelOutput(StageContext& ctx, RouterLcore& router, Burst& burst, const IndexList& in,
                  const std::array<PortIndex, kMaxBurst>& egress, IndexList& outer, Burst& answers);

// Fills what TunnelOutput must know of a frame that the kernel sent on a tunnel's TAP. False: no IP
// packet, or cut off; only VXLAN takes such a frame.
bool DescribeKernelFrame(rte_mbuf* m, const HashKey& key, PacketMeta& meta);

}  // namespace flyover::router
