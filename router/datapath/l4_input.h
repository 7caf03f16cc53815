// What the router reads of L4: just enough to hash flows, to know ICMP errors, and to tell what the
// kernel wants. A router forwards packets whose L4 it cannot read.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/reasons.h"
#include "common/net/flow_hash.h"

namespace flyover::router {

// Sets kL4Valid when a whole TCP, UDP or ICMP header lies at l4_offset inside the L3 packet and the
// contiguous bytes, and kIcmpError for ICMP errors (and for ICMP whose type cannot be read: no
// error may answer it). REQUIRES: protocol, l4_offset, l3_offset, l3_length, and the fragment flags
// are set.
void CheckL4(const rte_mbuf* m, PacketMeta& meta);

// The ports as they lie in the packet, 0 where the flow has none that can be read (RFC 6438,
// fragments).
uint32_t FlowPorts(const rte_mbuf* m, const PacketMeta& meta);

// As meta.flow_hash, but the same for both directions of a flow.
uint64_t SymmetricFlowHash(const HashKey& key, const rte_mbuf* m, const PacketMeta& meta);

// DHCP in either direction (UDP 67, 68; DHCPv6 546, 547).
bool IsDhcp(const rte_mbuf* m, const PacketMeta& meta);
// From a DHCP server to a client on this box, whose address may not be configured yet: in a
// broadcast frame, or naming as client the MAC that the frame came to. Replies to clients behind
// this box are transit like any packet.
bool IsDhcpReply(const rte_mbuf* m, const PacketMeta& meta);

// Of multicast packets: those of a protocol that runs in the kernel or a daemon on this box.
bool IsControlMulticast(const rte_mbuf* m, const PacketMeta& meta);

// Why a packet to an own address goes up.
PuntReason ClassifyLocal(const rte_mbuf* m, const PacketMeta& meta);

}  // namespace flyover::router
