// ICMP errors of the router (RFC 792, 1122 3.2.2, 1812 4.3, 4443): whether one may be sent, what it
// quotes, and with which source. Always rate-limited. The packet that caused the error is not
// touched; its caller drops it.
#pragma once

#include <cstdint>

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "router/datapath/router_lcore.h"

namespace flyover::router {

enum class IcmpErrorKind : uint8_t {
  kNoRoute,          // 3/0, v6 1/0
  kHostUnreachable,  // 3/1, v6 1/3
  kProhibited,       // 3/13, v6 1/1
  kTimeExceeded,     // 11/0, v6 3/0
  kTooBig,           // 3/4 with the MTU, v6 2/0
  kRoutingHeader,    // v6 4/0 with a pointer (RFC 5095, RFC 8200 4.4); never about IPv4
};

// Appends an error about packet `i` to `answers` if one may be sent, memory and rate allow, and
// there is room. `rest` is what the error's second word says: kTooBig, the MTU that the sender
// should keep to; kRoutingHeader, how far behind the IP header's begin the offending byte lies.
void SendIcmpError(StageContext& ctx, RouterLcore& router, const Burst& burst, unsigned i,
                   IcmpErrorKind kind, uint16_t rest, Burst& answers);

}  // namespace flyover::router
