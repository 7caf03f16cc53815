// Unicast reverse path forwarding (RFC 3704, RFC 8704), per receiving port, IPv4 and IPv6: a packet
// whose source could not be reached by the port it came in by is not what it says.
//
//   strict    the best route to the source leads to the port; with several next hops, one of them
//   feasible  as strict, or another route to the source (of any metric) leads to the port
//   loose     there is a route to the source that is not blackhole, unreachable or prohibit
//
// In every mode: an own address is no source; a default route is a route like any other; an on-link
// host that does not answer passes only loose. What neighbour discovery and DHCP send before a host
// has an address (0.0.0.0, ::) has gone up before, and IPv6 link-local sources are exempt: they are
// never forwarded. Nothing is answered to what is refused.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "router/datapath/router_lcore.h"

namespace flyover::router {

// In:   valid packets of all ports
// Out:  valid   without those that were refused
//       drop    urpf
void CheckReversePath(StageContext& ctx, const RouterLcore& router, const PortTable& ports,
                      const Burst& burst, IndexList& valid);

}  // namespace flyover::router
