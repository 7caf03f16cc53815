// What travels along the path: up to 64 packets and what is known of each.
//
// Invariants
//  1. pkt[i] and meta[i] belong together; a stage never reorders them, it passes lists of indices.
//  2. Every index that a stage is given appears in exactly one of its out-lists, or was dropped,
//  punted or held.
//  3. After common/datapath's Normalize, the first segment holds the first min(pkt_len,
//  kContiguous) bytes, is
//     owned by nobody else, and may be written.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cassert>
#include <cstdint>

#include "common/base/strong_id.h"
#include "common/datapath/ledger.h"
#include "common/net/ip_address.h"

namespace flyover {

inline constexpr uint16_t kMaxBurst = 64;
// Bytes that lie in one piece at the start of every normalised packet.
inline constexpr uint16_t kContiguous = 256;

enum PacketFlag : uint16_t {
  kIpv6 = 1 << 0,           // else IPv4
  kL2Group = 1 << 1,        // came in a broadcast or multicast frame
  kFragment = 1 << 2,       // any fragment that is not the whole (atomic) datagram
  kLaterFragment = 1 << 3,  // offset > 0: there is no L4 header
  kOriginated = 1 << 4,     // made or encapsulated here: TTL is ours and not decremented
  kIcmpError = 1 << 5,      // is an ICMP error: none may be sent about it
  kL4Valid = 1 << 6,        // l4_offset points at a whole TCP, UDP or ICMP header
  kVip = 1 << 7,            // destination is a VIP
  kOnLinkOnly =
      1 << 8,  // L2-DSR: the looked-up address must be a neighbour; IP bytes stay untouched
  kIpOptions = 1 << 9,  // IPv4 options or an IPv6 hop-by-hop header present
  kRouterAlert = 1 << 10,
  kLinkLocalSource = 1 << 11,  // IPv6: must not be forwarded to another link (RFC 4291 2.5.6)
  kTtlDone = 1 << 12,          // TTL already taken: the packet waited for its neighbour
  kMayCut = 1 << 13,           // an outer packet made here: cut rather than refused when too long
  kTunnelled = 1 << 14,        // has the outer header of a tunnel: must not enter another one
  kRoutingHeader0 = 1 << 15,   // IPv6 routing header of type 0 with segments left (RFC 5095)
};

// One cache line. Offsets count from the start of packet data (rte_pktmbuf_mtod).
struct alignas(64) PacketMeta {
  uint64_t
      flow_hash;  // keyed; 5-tuple, or 3-tuple for fragments (RFC 2992); IPv6: with the flow label
  std::array<uint8_t, 16>
      lookup;          // FIB key, network order; usually the destination, L2-DSR: the backend
  uint32_t group;      // GroupId after fib_lookup
  uint32_t adjacency;  // AdjacencyId after fib_lookup
  uint16_t flags;      // PacketFlag
  uint16_t l3_offset;
  uint16_t l4_offset;
  uint16_t l3_length;  // IP header + payload, bytes: the whole L3 packet
  uint16_t service;    // index in the service table, while on the balancer's stages
  uint16_t backend;    // BackendId, while on the balancer's stages
  uint16_t path_mtu;   // of the way to the backend, where `overhead` is not 0; 0: the link's
  uint8_t overhead;    // bytes put on here in front of the IP header that came in, 0 otherwise
  VrfIndex vrf;        // where the destination is looked up
  SourceId source;
  PortIndex in_port;  // where it came in; kNoPort for packets made here
  uint8_t protocol;   // of L4, behind IPv6 extension headers
  bool lookup_v6;     // family of `lookup`
};
static_assert(sizeof(PacketMeta) == 64);

struct Burst {
  uint16_t size = 0;
  std::array<rte_mbuf*, kMaxBurst> pkt;
  std::array<PacketMeta, kMaxBurst> meta;
};

// A named edge: which packets of a burst take it.
struct IndexList {
  uint16_t size = 0;
  std::array<uint8_t, kMaxBurst> index;

  void Add(unsigned i) {
    assert(size < kMaxBurst);
    index[size++] = static_cast<uint8_t>(i);
  }
  const uint8_t* begin() const { return index.data(); }
  const uint8_t* end() const { return index.data() + size; }
};

// The header at `offset` of the first segment. REQUIRES: the bytes are there.
template <typename Header>
Header* HeaderAt(rte_mbuf* m, unsigned offset) {
  return rte_pktmbuf_mtod_offset(m, Header*, offset);
}

// Prefetches the packet's first line of data: the cost of a miss is hidden behind the rest of the
// burst.
inline void PrefetchData(const rte_mbuf* m) {
  __builtin_prefetch(rte_pktmbuf_mtod(m, const void*));
}

}  // namespace flyover
