// The outer IP headers that the balancer puts in front of packets (encap.h has what is in them).
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <cstring>

#include "common/datapath/burst.h"
#include "common/net/headers.h"
#include "lb/service/backend_entry.h"

namespace flyover::lb {

// What the outer header takes over from the inner one.
struct Inner {
  bool v6;
  uint8_t traffic_class;  // DSCP and ECN
  bool may_fragment;
};

inline Inner ReadInner(const PacketMeta& meta, rte_mbuf* m) {
  if ((meta.flags & kIpv6) != 0) {
    return {true, HeaderAt<Ipv6Header>(m, meta.l3_offset)->traffic_class(), false};
  }
  const auto& ip = *HeaderAt<Ipv4Header>(m, meta.l3_offset);
  return {false, ip.tos, (ip.fragment.host() & kIpv4DontFragment) == 0};
}

// The template's header with what differs from packet to packet, in whole words: all of it is 0
// there. `id`: of one that may be fragmented, counted on.
inline void WriteOuterIpv4(const BackendEntry& backend, uint8_t traffic_class, bool may_fragment,
                           uint8_t protocol, uint16_t length, uint16_t& id, uint8_t* to) {
  const uint8_t* const outer = backend.outer.data();
  const uint64_t total_length = SwapBytes(length);
  // Identification and fragment bits, as they lie there.
  constexpr uint32_t kDontFragment = uint32_t{SwapBytes(kIpv4DontFragment)} << 16;
  const uint64_t fragment = may_fragment ? SwapBytes(id++) : kDontFragment;
  // DSCP and protocol are the second bytes of their words (RFC 1071).
  uint32_t sum = backend.outer_sum + static_cast<uint32_t>(total_length) +
                 static_cast<uint32_t>(fragment >> 16) + static_cast<uint16_t>(fragment) +
                 ((uint32_t{traffic_class} + protocol) << 8);
  sum = (sum >> 16) + (sum & 0xffff);
  sum += sum >> 16;
  const uint64_t checksum = static_cast<uint16_t>(~sum);
  StoreUnaligned(to, LoadUnaligned<uint64_t>(outer) | uint64_t{traffic_class} << 8 |
                         total_length << 16 | fragment << 32);
  StoreUnaligned(to + 8,
                 LoadUnaligned<uint64_t>(outer + 8) | uint64_t{protocol} << 8 | checksum << 16);
  StoreUnaligned(to + 16, LoadUnaligned<uint32_t>(outer + 16));
}

inline void WriteOuterIpv6(const BackendEntry& backend, uint8_t traffic_class, uint8_t protocol,
                           uint16_t payload_length, uint32_t flow_label, uint8_t* to) {
  std::memcpy(to, backend.outer.data(), backend.outer.size());
  std::memcpy(to + backend.outer.size(), backend.address.data(), backend.address.size());
  auto& ip = *reinterpret_cast<Ipv6Header*>(to);
  ip.version_class_flow = Be32(6u << 28 | static_cast<uint32_t>(traffic_class) << 20 | flow_label);
  ip.payload_length = Be16(payload_length);
  ip.next_header = protocol;
}

}  // namespace flyover::lb
