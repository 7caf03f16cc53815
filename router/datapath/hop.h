// What a hop costs a packet: its TTL or hop limit.
#pragma once

#include "common/datapath/burst.h"
#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::router {

// Takes 1 from the TTL of a packet in transit. False: it has none to give (RFC 1812 5.3.1), and
// stays as it was.
[[gnu::always_inline]] inline bool TakeHop(rte_mbuf* m, const PacketMeta& meta) {
  if ((meta.flags & kIpv6) != 0) {
    uint8_t& hop_limit = HeaderAt<Ipv6Header>(m, meta.l3_offset)->hop_limit;
    if (hop_limit <= 1) return false;
    --hop_limit;
    return true;
  }
  auto& ip = *HeaderAt<Ipv4Header>(m, meta.l3_offset);
  if (ip.ttl <= 1) return false;
  DecrementTtl(ip);
  return true;
}

// RFC 2003 3.1, RFC 1812 4.2.2.9: the balancer is no hop, but what arrives dead does not leave.
// REQUIRES: kOriginated.
inline bool IsDeadOnArrival(rte_mbuf* m, const PacketMeta& meta) {
  if (meta.overhead == 0 && (meta.flags & kOnLinkOnly) == 0) return false;
  if ((meta.flags & kTunnelled) != 0) return false;  // the router before it looked, or the kernel
  const unsigned at = meta.l3_offset + meta.overhead;
  const bool ipv6 = *HeaderAt<uint8_t>(m, at) >> 4 == 6;
  return (ipv6 ? HeaderAt<Ipv6Header>(m, at)->hop_limit : HeaderAt<Ipv4Header>(m, at)->ttl) == 0;
}

// What the FIB was asked for.
inline IpAddress LookupAddress(const PacketMeta& meta) {
  if (meta.lookup_v6) return Ipv6Address{meta.lookup};
  return Ipv4Address{LoadBe32(meta.lookup.data())};
}

}  // namespace flyover::router
