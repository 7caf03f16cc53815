// ICMP "packet too big" about our own outer headers, from routers between here and a backend.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "lb/datapath/lb_lcore.h"
#include "lb/service/service_table.h"

namespace flyover::lb {

// Packet i of the burst is for no VIP. If it is such an error to a tunnel's source, the MTU is
// remembered for the backend: the next packet to it that is too long earns its client an error from
// the VIP (or is cut). And the error itself becomes one for the client whose packet it quotes, from
// the VIP and with the MTU that is left inside (RFC 2003 5.1 leaves that to the tunnel's entry),
// unless what is too long is cut here. Everything else goes on as it is.
//
// It may come from anybody, so it must quote what we may have sent: from that source, by the way of
// a service that the quoted inner packet is for, to one of its backends, and longer than the MTU
// that it tells. Less than 576 (IPv4) or 1280 is not believed: the worst a forger can do.
void LearnPathMtu(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
                  unsigned i);

}  // namespace flyover::lb
