// Stage 5 of docs/life_of_a_packet.md: is the packet for a service?
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "lb/datapath/lb_lcore.h"
#include "lb/service/service_table.h"

namespace flyover::lb {

struct ServiceEdges {
  IndexList balance;  // meta.service is set; ICMP errors of a flow: meta.backend too
  IndexList route;    // not for a service: on to fib_lookup
};

// In:   validated IP packets; meta is filled (flags, offsets, l3_length, protocol, flow_hash)
// Out:  balance   TCP or UDP to a service, and ICMP errors that quote one of its flows
//       route     not for a VIP; or, with kVip set and kOriginated not, for a VIP but for none of
//                 its services; or the answer to an echo request (kOriginated, kVip not set)
//       drop      vip_fragment, vip_truncated, vip_land, vip_icmp_no_flow, vip_icmp_malformed,
//                 vip_no_backend (ICMP errors only)
// `table` may be null: nothing is configured. Sets kVip.
void ServiceLookup(StageContext& context, LbLcore& lcore, const ServiceTable* table, Burst& burst,
                   const IndexList& in, ServiceEdges& out);

}  // namespace flyover::lb
