// What the router reads of L4: just enough to hash flows, to know ICMP errors, and to tell what the
// kernel wants. A router forwards packets whose L4 it cannot read.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/reasons.h"
#include "common/net/flow_hash.h"
#include "common/net/headers.h"

namespace flyover::router {

// Sets kL4Valid when a whole TCP, UDP or ICMP header lies at l4_offset inside the L3 packet and the
// contiguous bytes, and kIcmpError for ICMP errors (and for ICMP whose type cannot be read: no
// error may answer it). REQUIRES: protocol, l4_offset, l3_offset, l3_length, and the fragment flags
// are set.
inline void CheckL4(const rte_mbuf* m, PacketMeta& meta);

// The ports as they lie in the packet, 0 where the flow has none that can be read (RFC 6438,
// fragments).
inline uint32_t FlowPorts(const rte_mbuf* m, const PacketMeta& meta);

// As meta.flow_hash, but the same for both directions of a flow.
uint64_t SymmetricFlowHash(const HashKey& key, const rte_mbuf* m, const PacketMeta& meta);

// Of source and destination address alone; `symmetric`: the same for both directions.
uint64_t AddressFlowHash(const HashKey& key, const rte_mbuf* m, const PacketMeta& meta,
                         bool symmetric);

// DHCP in either direction (UDP 67, 68; DHCPv6 546, 547).
bool IsDhcp(const rte_mbuf* m, const PacketMeta& meta);
// From a DHCP server to a client on this box, whose address may not be configured yet: in a
// broadcast frame, or naming as client the MAC that the frame came to. Replies to clients behind
// this box are transit like any packet.
inline bool IsDhcpReply(const rte_mbuf* m, const PacketMeta& meta);

// Of multicast packets: those of a protocol that runs in the kernel or a daemon on this box.
bool IsControlMulticast(const rte_mbuf* m, const PacketMeta& meta);

// Why a packet to an own address goes up.
PuntReason ClassifyLocal(const rte_mbuf* m, const PacketMeta& meta);

// What every packet passes is inline; what few do is not.
namespace internal {
void CheckIcmp(const rte_mbuf* m, PacketMeta& meta);
bool IsForClientHere(const rte_mbuf* m, const PacketMeta& meta);
inline bool HasL4(const rte_mbuf* m, const PacketMeta& meta, unsigned header) {
  const unsigned end = meta.l4_offset + header;
  return (meta.flags & kLaterFragment) == 0 && end <= unsigned{meta.l3_offset} + meta.l3_length &&
         end <= m->data_len;
}
}  // namespace internal

inline void CheckL4(const rte_mbuf* m, PacketMeta& meta) {
  if (meta.protocol == kProtoTcp || meta.protocol == kProtoUdp) [[likely]] {
    const size_t header = meta.protocol == kProtoTcp ? sizeof(TcpHeader) : sizeof(UdpHeader);
    if (internal::HasL4(m, meta, static_cast<unsigned>(header))) meta.flags |= kL4Valid;
  } else {
    internal::CheckIcmp(m, meta);
  }
}

inline uint32_t FlowPorts(const rte_mbuf* m, const PacketMeta& meta) {
  const bool has_ports = meta.protocol == kProtoTcp || meta.protocol == kProtoUdp;
  if (!has_ports || (meta.flags & (kL4Valid | kFragment)) != kL4Valid) return 0;
  return LoadUnaligned<uint32_t>(rte_pktmbuf_mtod_offset(m, const uint8_t*, meta.l4_offset));
}

inline bool IsDhcpReply(const rte_mbuf* m, const PacketMeta& meta) {
  return meta.protocol == kProtoUdp && (meta.flags & kL4Valid) != 0 &&
         internal::IsForClientHere(m, meta);
}

}  // namespace flyover::router
