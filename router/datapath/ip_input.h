// Stage 3 of docs/life_of_a_packet.md: is this an IP packet that a router may look at?
//
// In:   normalised frames, meta.l3_offset set by ethernet_input.
// Out:  valid     trimmed to the IP length; meta filled: protocol, l4_offset, l3_length, flags,
// flow_hash, lookup
//       punt      multicast and broadcast that a control protocol of the kernel wants
//       drop      by the clause that the packet breaks
//
// flow_hash is keyed with `key` and covers the 5-tuple of unfragmented TCP and UDP, and addresses
// and protocol of all else (HashIpv4Flow, HashIpv6Flow with ports as they lie in the packet). lb
// relies on exactly this.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "common/net/flow_hash.h"

namespace flyover::router {

// RFC 1812 5.2.2, RFC 791.
void Ipv4Input(StageContext& ctx, const HashKey& key, Burst& burst, const IndexList& in,
               IndexList& valid);
// RFC 8200 3 and 4.
void Ipv6Input(StageContext& ctx, const HashKey& key, Burst& burst, const IndexList& in,
               IndexList& valid);

}  // namespace flyover::router
