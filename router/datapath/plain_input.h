// Stages 2 and 3 of docs/life_of_a_packet.md in one look, for what nearly all packets are: unicast
// frames to a port's own MAC address, untagged or with the tag taken off by the device, IPv4
// without options and fragments or IPv6 without extension headers, that carry TCP, UDP or anything
// but ICMP.
//
// It decides nothing that ethernet_input and ip_input would not: `plain` packets leave exactly as
// they would leave those (the same bytes, the same meta), and of all others nothing is said and
// nothing touched: stages 2 and 3 have the rules one by one. Its test compares the two ways.
#pragma once

#include "common/datapath/burst.h"
#include "common/net/flow_hash.h"
#include "router/datapath/port_table.h"

namespace flyover::router {

struct PlainEdges {
  IndexList plain;   // valid IP packets
  IndexList others;  // for stages 2 and 3; not normalised yet
};

// meta.source and meta.in_port are set. A packet in several segments, or whose bytes are shared, is
// not plain.
void PlainInput(const PortTable& ports, const HashKey& flow_key, Burst& burst, PlainEdges& out);

}  // namespace flyover::router
