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
  // The outer IP header, with every field that is the same for all packets (addresses, TTL).
  std::array<uint8_t, 40> outer{};
  std::array<uint8_t, 16> address{};  // network order, as in IpAddress
  ServiceId service = kNoService;
  BackendState state = BackendState::kAbsent;
  bool v6 = false;           // the address's family, and so the outer header's
  uint8_t outer_length = 0;  // 20 or 40; 0 where nothing is put in front (L2-DSR)
};
static_assert(sizeof(BackendEntry) == 64);

// An entry for an L2-DSR backend.
BackendEntry MakeDirectBackend(ServiceId service, BackendState state, const IpAddress& address);

// An entry for an IPIP backend. `source` has the backend's family.
BackendEntry MakeTunnelBackend(ServiceId service, BackendState state, const IpAddress& address,
                               const IpAddress& source);

}  // namespace flyover::lb
