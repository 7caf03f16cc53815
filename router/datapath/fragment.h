// IPv4 fragmentation in transit (RFC 791 3.2, RFC 1812 4.2.2.7): a packet without DF that is longer
// than the next link carries, and that may be a fragment already.
//
// Identification, TOS, TTL and the rest of the header stay; options go into the later fragments by
// their copy bit; every piece but the last holds a multiple of 8 bytes. In the books the packet
// itself becomes the first piece, and each further piece is one copy: nothing is counted twice.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "router/datapath/router_lcore.h"

namespace flyover::router {

// Takes over packet `m`, whose TTL was taken and whose adjacency is known, and sets `out` to its
// pieces, in order, each with meta for stage 11. Without memory, or where more than kMaxBurst
// pieces would be needed, the packet is dropped (no_memory, mtu_exceeded) and `out` is empty.
void Fragment(StageContext& ctx, RouterLcore& router, rte_mbuf* m, const PacketMeta& meta,
              Burst& out);

}  // namespace flyover::router
