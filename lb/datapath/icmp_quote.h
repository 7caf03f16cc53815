// The packet that an ICMP error quotes (RFC 792, RFC 4443), read as what it says of a flow to a
// VIP. A backend's reply (VIP -> client) is quoted by whoever could not deliver it; turned round it
// names the client's flow (client -> VIP).
//
// Nothing is read beyond `length`: the quote comes from anywhere and may be cut at any byte.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/net/flow_hash.h"
#include "common/net/ip_address.h"

namespace flyover::lb {

struct QuotedFlow {
  bool v6 = false;
  uint8_t protocol = 0;
  IpAddress client;       // destination of the quoted packet
  IpAddress vip;          // source of the quoted packet
  uint16_t vip_port = 0;  // host order
  uint32_t ports = 0;     // as they lie in the client's packets: client's port, then the VIP's

  // What meta.flow_hash is for the client's packets.
  uint64_t Hash(const HashKey& key) const;
};

enum class QuoteResult : uint8_t {
  kFlow,
  kMalformed,  // cut before the ports, or lengths that contradict each other
  kNoFlow,     // in order, but neither TCP nor UDP, or a fragment without ports
};

// `quote`: what follows the ICMP header's eight bytes. `v6`: of ICMPv6. Eight bytes of the quoted
// TCP or UDP header suffice. Options and extension headers are stepped over.
QuoteResult ParseQuote(const uint8_t* quote, size_t length, bool v6, QuotedFlow& flow);

}  // namespace flyover::lb
