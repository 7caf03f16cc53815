// What ports change in packets that pass: the DSCP (RFC 2474) of those that come in by a port, and
// the MSS option (RFC 9293 3.7.1) of TCP SYNs that come in or leave by one.
//
// Rules
//  1. ECN (RFC 3168) is never touched, nor what was made here.
//  2. An MSS is lowered, never raised, and never added where there is none. Only SYN and SYN-ACK
//  carry one; fragments and headers that do not lie in the contiguous bytes are left alone.
//  3. Checksums are updated (RFC 1624), not computed: a wrong one stays wrong.
#pragma once

#include <array>

#include "common/datapath/burst.h"
#include "router/datapath/port_table.h"

namespace flyover::router {

// `egress[i]` is the port that packet i of `in` leaves by.
void RewriteForPorts(const PortTable& ports, Burst& burst, const IndexList& in,
                     const std::array<PortIndex, kMaxBurst>& egress);

}  // namespace flyover::router
