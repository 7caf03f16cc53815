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

// The UDP source port of a GUE packet: constant for a flow, from the dynamic ports (RFC 8086 3.2.1,
// which says the same of GRE in UDP), so that NICs and routers on the way spread flows.
inline uint16_t SourcePortSlice(uint64_t flow_hash) {
  return static_cast<uint16_t>(0xc000 |
                               Mum(flow_hash ^ 0x94d049bb133111ebULL, 0xbf58476d1ce4e5b9ULL) >> 50);
}

}  // namespace flyover::lb
