// Stages 5 to 8 of docs/life_of_a_packet.md in one look, for what nearly all packets are there:
// whole TCP segments and UDP datagrams to a service in a steady state, by L2-DSR or IPIP, and
// packets to no VIP at all.
//
// It decides nothing that service_lookup, connection_lookup, backend_select and encap would not:
// `route` packets leave exactly as they would leave those (the same bytes, meta, counters and
// entries), and all others are untouched: stages 5 to 8 have the rules one by one. Its test
// compares the two ways.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "lb/datapath/lb_lcore.h"
#include "lb/service/service_table.h"

namespace flyover::lb {

struct PlainBalanceEdges {
  IndexList route;   // on to fib_lookup
  IndexList others;  // for stages 5 to 8
};

// In: as service_lookup's. Both lists are in the order of `in`, which is the burst's.
void PlainBalance(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
                  const IndexList& in, PlainBalanceEdges& out);

}  // namespace flyover::lb
