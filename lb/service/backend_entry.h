// What the packet path knows of one backend of one service.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/strong_id.h"
#include "common/net/ip_address.h"
#include "lb/config/lb_config.h"
#include "lb/service/lb_counters.h"

namespace flyover::lb {

enum class BackendState : uint8_t {
  kAbsent,   // no service has it (any more): its flows choose again
  kActive,   // takes new flows
  kDrained,  // weight 0: keeps its flows, takes no new ones
  kDown,     // failed its health check: its flows choose again
};

inline constexpr uint8_t kTunnelTtl = 64;

// One cache line: all that encap reads of a backend. An address that two services use has an entry,
// an id, a state and counters in each, as it may be healthy in one and drained in the other.
struct alignas(64) BackendEntry {
  // The outer IP header with every field that is the same for all packets (addresses, TTL), all
  // others 0: the 20 bytes of IPv4, or what IPv6 has before its destination, which is `address`.
  std::array<uint8_t, 24> outer{};
  std::array<uint8_t, 16> address{};  // network order, as in IpAddress
  ServiceId service = kNoService;
  BackendState state = BackendState::kAbsent;
  bool v6 = false;  // the address's family, and so the outer header's
  ForwardMode forward = ForwardMode::kL2dsr;
  uint8_t outer_length = 0;  // of the outer IP header, 20 or 40; 0 where nothing is put in front
  uint8_t overhead = 0;      // bytes in front of the inner packet, the outer IP header included
  DfPolicy df = DfPolicy::kCopy;  // kClear where the outer packet may be cut
  bool may_cut = false;           // here, when it is too long
  bool plain = false;             // L2-DSR or IPIP, and nothing of its own but an `mtu`
  uint8_t gue_variant = 0;
  uint16_t gue_port = 0;
  uint16_t mtu = 0;        // of the way there; 0: the port's
  uint16_t mss = 0;        // limit to a SYN's; 0: none
  uint16_t outer_sum = 0;  // of the IPv4 header's words as they lie there (RFC 1071)
  uint8_t tos = 0;         // of kL3dsr: the DSCP's six bits, in place
};
static_assert(sizeof(BackendEntry) == 64);

// REQUIRES: a tunnel's service has a source of the backend's family.
BackendEntry MakeBackendEntry(ServiceId service, BackendState state, const ServiceConfig& config,
                              const BackendConfig& backend);

}  // namespace flyover::lb
