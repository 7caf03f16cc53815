// Different users of one flow hash must not choose alike: if the connection table, Maglev, ECMP and
// the spreading over lcores took the same bits, each would see only a part of its own range (the
// polarisation trap). Each use here mixes the 64 bits anew with constants of its own.
#pragma once

#include <cstdint>

#include "common/net/flow_hash.h"

namespace flyover::lb {

// Chooses the Maglev slot.
inline uint32_t MaglevSlice(uint64_t flow_hash) {
  return static_cast<uint32_t>(Mum(flow_hash ^ 0x1d8e4e27c47d124fULL, 0xeb44accab455d165ULL) >> 32);
}

// The IPv6 flow label of an outer header: constant for a flow, 20 bits (RFC 6438 section 3).
inline uint32_t FlowLabelSlice(uint64_t flow_hash) {
  return static_cast<uint32_t>(Mum(flow_hash ^ 0x9fb21c651e98df25ULL, 0xc2b2ae3d27d4eb4fULL) >> 44);
}

}  // namespace flyover::lb
