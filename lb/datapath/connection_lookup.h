// Stage 6 of docs/life_of_a_packet.md: flows that have a backend already.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "lb/datapath/lb_lcore.h"
#include "lb/service/service_table.h"

namespace flyover::lb {

struct ConnectionEdges {
  IndexList hit;   // meta.backend is set: on to encap
  IndexList miss;  // on to backend_select
};

// In:   packets with meta.service set
// Out:  hit    the flow has an entry, and its backend may keep it
//       miss   no entry, or one that no longer counts: timed out, of a backend that is gone,
//              or of a drained or down one when the packet opens a TCP connection (SYN without ACK)
// ICMP errors come with their flow's backend and pass as hits. No packet is dropped.
void ConnectionLookup(StageContext& context, LbLcore& lcore, const ServiceTable& table,
                      Burst& burst, const IndexList& in, ConnectionEdges& out);

}  // namespace flyover::lb
