// Stage 8 of docs/life_of_a_packet.md: the packet on its way to the backend.
#pragma once

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "lb/datapath/lb_lcore.h"
#include "lb/service/service_table.h"

namespace flyover::lb {

// In:   packets with meta.service and meta.backend set
// Out:  route   meta.lookup is the backend's address; kOriginated is set
//       drop    mtu_exceeded (longer than 65,535 bytes with the outer header), no_memory,
//               ttl_expired (L3DSR: it came with TTL 0)
//
// The MSS of a client's SYN is lowered first, where the service says so. TCP packets are shown to
// lcore.handshakes.
//
// L2-DSR: the packet keeps every byte, the inner TTL too; kOnLinkOnly is set.
//
// L3DSR: the packet gets another destination and DSCP, and keeps every other byte but checksums
// (lb/datapath/readdress.h). We are not a hop of its own either: its TTL stays.
//
// IPIP, GRE, GUE, any pair of families (RFC 2003, RFC 2473, RFC 2784, draft-ietf-intarea-gue): data
// then begins with 14 bytes of room for the Ethernet header, followed by the outer header;
// l3_offset is 14 and names the outer header, meta.overhead is the length of all that was put in
// front, the inner header follows at l3_offset + overhead. The inner packet is not changed: we are
// not a hop of its own, so its TTL stays. The outer header has
//   TTL 64; source the service's; destination the backend
//   DSCP and ECN of the inner one (RFC 2983 uniform model, RFC 6040 normal mode)
//   IPv4 DF: that of an inner IPv4 header, 1 around IPv6, whose routers do not fragment either; or
//            what the backend's `df` says. 0, and kMayCut set, where too_big is `fragment`.
//            id 0 with DF (RFC 6864), else counting
//   IPv6 flow label: of the flow's hash (RFC 6438)
// GRE has no checksum, key or sequence number. GUE's UDP header has a source port of the flow's
// hash and no checksum, over IPv6 neither (RFC 6935, RFC 6936: the inner packet has one of its own,
// and whoever opens it compares addresses).
void Encap(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
           const IndexList& in, IndexList& route);

// Shows a packet on its way to meta.backend to lcore.handshakes, which watch its flow. Out of line:
// for one packet in eight.
void WatchHandshake(LbLcore& lcore, const PacketMeta& meta, rte_mbuf* m, uint64_t now);

}  // namespace flyover::lb
