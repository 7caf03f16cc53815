// What of a packet chooses its slot of the Maglev table: by default the whole flow, else something
// that several flows share, so that they go to one backend.
//
// The connection table knows flows by their whole 5-tuple all the same: two flows of one source
// that began under different tables keep different backends.
#pragma once

#include <cstdint>

#include "common/net/flow_hash.h"
#include "lb/config/lb_config.h"
#include "lb/service/flow_slices.h"

namespace flyover::lb {

// Two rules that are equal choose alike.
struct AffinityRule {
  Affinity kind = Affinity::kFlow;
  uint8_t ipv4_length = 32;   // leading bits of the source that count
  uint8_t ipv6_length = 128;  // likewise
  bool operator==(const AffinityRule&) const = default;
};
AffinityRule RuleOf(const ServiceConfig& service);

// What rules may look at.
struct FlowFacts {
  uint64_t flow_hash = 0;           // of the 5-tuple; kPacket: of the packet's number
  const uint8_t* source = nullptr;  // address, in network order
  const uint8_t* ports = nullptr;   // the four bytes of source and destination port
  bool v6 = false;
};

// For rules other than kFlow and kPacket. The VIP and the protocol take no part, so that services
// with one pool agree about a source.
uint32_t SourceSlice(const AffinityRule& rule, const HashKey& key, const FlowFacts& facts);

inline uint32_t SliceOf(const AffinityRule& rule, const HashKey& key, const FlowFacts& facts) {
  if (rule.kind == Affinity::kFlow || rule.kind == Affinity::kPacket) [[likely]] {
    return MaglevSlice(facts.flow_hash);
  }
  return SourceSlice(rule, key, facts);
}

}  // namespace flyover::lb
