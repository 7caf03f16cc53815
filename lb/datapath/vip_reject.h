// The answer of a host to a packet for a port that it does not serve, given for a VIP where the
// document says `unknown_port: reject`: a RST to TCP (RFC 9293 3.10.7.1), port unreachable to UDP
// (RFC 1122 4.1.3.1, RFC 4443 3.1). From the VIP, in the packet's own buffer: one packet in, one
// out, and not more than a rate a lcore.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "lb/datapath/lb_lcore.h"

namespace flyover::lb {

// Turns the packet round; true: it goes to route as our own. False: it is to be dropped, being
// itself a RST, of another protocol, from an address that cannot be answered, or beyond the rate.
// REQUIRES: to a VIP, no fragment; TCP and UDP with their whole header.
bool RejectUnknownPort(StageContext& context, LbLcore& lcore, rte_mbuf* m, PacketMeta& meta);

}  // namespace flyover::lb
