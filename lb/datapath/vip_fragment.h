// What service_lookup does with fragments to a VIP.
//
// The first one has ports: it takes the way of its flow's whole packets, with their hash, and encap
// notes where it went. The others follow (connection_lookup takes them as hits), or wait for it.
// Fragments of other protocols than TCP and UDP have no flow to follow and are dropped.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "lb/datapath/fragment_table.h"
#include "lb/datapath/lb_lcore.h"

namespace flyover::lb {

enum class FragmentVerdict : uint8_t {
  kBalance,  // meta.service is set, of a later fragment meta.backend too
  kRoute,    // to a port that no service has
  kTaken,    // dropped, or waits
};

// REQUIRES: kFragment, and the destination is `vip`.
FragmentVerdict FollowFragment(StageContext& context, LbLcore& lcore, const ServiceTable& table,
                               Burst& burst, unsigned i, VipIndex::VipId vip);

// The first fragment goes to meta.backend. Before anything is put around it.
void NoteFirstFragment(StageContext& context, LbLcore& lcore, const PacketMeta& meta, rte_mbuf* m);

// What waited and may go on now, for service_lookup again; drops those whose time is over. Cheap
// while nothing waits.
void ResumeFragments(StageContext& context, LbLcore& lcore, Burst& ready);

}  // namespace flyover::lb
