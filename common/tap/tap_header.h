// What stands in front of each frame on a TAP with IFF_VNET_HDR: the ten bytes of virtio's legacy
// network header (Virtio 1.2, 5.1.6), in the machine's byte order. The kernel's own header
// linux/virtio_net.h is no C++.
#pragma once

#include <cstdint>

namespace flyover {

struct TapHeader {
  uint8_t flags = 0;
  uint8_t gso_type = 0;
  uint16_t header_length = 0;  // Ethernet to TCP
  uint16_t segment_size = 0;   // bytes of data in each segment of a large frame
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;  // from checksum_start
};
static_assert(sizeof(TapHeader) == 10);

// flags: the checksum holds the pseudo-header's sum only.
inline constexpr uint8_t kTapNeedsChecksum = 1;
// flags: checksums have been looked at.
inline constexpr uint8_t kTapChecksumIsRight = 2;
// gso_type
inline constexpr uint8_t kTapOneFrame = 0;
inline constexpr uint8_t kTapTcpIpv4 = 1;
inline constexpr uint8_t kTapTcpIpv6 = 4;

}  // namespace flyover
