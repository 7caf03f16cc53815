// Stage 7 of docs/life_of_a_packet.md: a backend for a flow that has none.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "lb/datapath/lb_lcore.h"
#include "lb/service/service_table.h"

namespace flyover::lb {

// In:   packets with meta.service set
// Out:  out    meta.backend is what the service's Maglev tables say (flow_choice.h); the flow has
// an
//              entry where they disagree
//       drop   vip_no_backend: all of the service's backends are down or have weight 0
void BackendSelect(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
                   const IndexList& in, IndexList& out);

}  // namespace flyover::lb
