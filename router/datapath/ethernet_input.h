// Stage 2 of docs/life_of_a_packet.md: Ethernet and VLAN headers.
//
// In:   normalised frames as they came from the port; meta.source and meta.in_port are set, to the
//       sub-interface where the tags name one (sub_ports.h).
// Out:  ipv4, ipv6   tags are off, meta.l3_offset is set; nothing of the IP header is checked yet
//       punt         ARP, LLC, slow protocols, LLDP
//       drop         truncated, vlan_unknown, not_for_us, bad_source_mac, unknown_ethertype,
//       bad_arp, rx_too_big, port_down
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "router/datapath/port_table.h"

namespace flyover::router {

struct EthernetEdges {
  IndexList ipv4;
  IndexList ipv6;
};

void EthernetInput(StageContext& ctx, const PortTable& ports, Burst& burst, const IndexList& in,
                   EthernetEdges& out);

}  // namespace flyover::router
