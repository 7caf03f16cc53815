// ICMP to a VIP: we answer echo requests; errors follow the flow that they are about.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "lb/datapath/lb_lcore.h"
#include "lb/service/service_table.h"

namespace flyover::lb {

enum class VipIcmpVerdict : uint8_t { kDropped, kRoute, kBalance };

// Packet i of the burst is unfragmented ICMP or ICMPv6 to the VIP `vip`.
//
//   echo request   becomes its answer in place: from the VIP, TTL 64, no IP options or extension
//                  headers, sent back as ours (route; kOriginated set, kVip cleared)
//   error          unreachable, time exceeded, parameter problem, packet too big: meta.service and
//                  meta.backend are those of the flow whose packet is quoted (balance; kIcmpError
//                  set, meta.flow_hash the flow's). Looked for in this lcore's connections, then
//                  the others', else by Maglev as the flow's next packet would be. Makes no entry.
//   other types    route, as any packet to a VIP that no service wants
//
// Drops: vip_icmp_malformed (truncated, bad checksum, a quote whose lengths contradict each other),
// vip_icmp_no_flow (the quote is not of a packet from this VIP and a service's port),
// vip_no_backend.
VipIcmpVerdict VipIcmp(StageContext& context, LbLcore& lcore, const ServiceTable& table,
                       Burst& burst, unsigned i, VipIndex::VipId vip);

}  // namespace flyover::lb
