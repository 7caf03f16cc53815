// Whether the L4 header of a client's packet is what its IP packet promises.
#pragma once

#include <cstdint>

#include "common/net/headers.h"

namespace flyover::lb {

// Whether a segment or datagram of `length` bytes holds the whole L4 header that its own length
// field promises. REQUIRES: TCP or UDP, and the fixed part of the header is there.
inline bool HeaderIsWhole(uint8_t protocol, const uint8_t* l4, unsigned length) {
  if (protocol == kProtoTcp) {
    const uint8_t words = reinterpret_cast<const TcpHeader*>(l4)->data_offset;  // the upper half
    return words >= 0x50 && (words >> 4) * 4u <= length;
  }
  const unsigned datagram = reinterpret_cast<const UdpHeader*>(l4)->length.host();
  return datagram >= sizeof(UdpHeader) && datagram <= length;
}

}  // namespace flyover::lb
