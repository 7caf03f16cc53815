// Joins TCP segments of one connection that follow each other into one large frame for a TAP, so
// that the kernel's stack is entered once instead of for each: what the receive offload of a NIC
// does (RFC 9293 knows a stream, not segments).
//
// Only segments that carry data and acknowledge, with right checksums, headers that are equal but
// for what has to differ, and sequence numbers without a gap are joined; all others, and their
// order, stay as they are. The joined frame says its segment size in front (TapHeader),
// and the kernel could cut it up again.
//
// Threads: one. The frames stay the caller's; they must live until the joined one is written.
#pragma once

#include <rte_mbuf.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <span>

#include "common/net/headers.h"
#include "common/tap/tap_header.h"

namespace flyover {

class SegmentMerger {
 public:
  static constexpr unsigned kMaxSegments = 64;

  // Appends the frame. False: it does not follow what is here, or can never be joined; nothing has
  // changed.
  bool Add(const rte_mbuf* m);

  // Of what was added since Clear.
  unsigned segments() const { return segments_; }
  void Clear() { segments_ = 0; }

  // What to write: header of the kernel's, headers, data. REQUIRES: segments() >= 2. Valid until
  // the next call.
  std::span<const iovec> Frame();

 private:
  // Where the parts of a frame lie that may be joined.
  struct Segment {
    const uint8_t* frame;
    unsigned tcp;     // offset of the TCP header
    unsigned data;    // offset of the data
    unsigned length;  // bytes of data
    bool ipv6;
  };
  static bool Parse(const rte_mbuf* m, Segment& segment);
  bool Follows(const Segment& next) const;

  static constexpr unsigned kMaxHeaders = sizeof(EthernetHeader) + sizeof(Ipv6Header) + 60;

  unsigned segments_ = 0;
  Segment first_{};
  uint32_t next_sequence_ = 0;
  uint32_t length_ = 0;  // bytes of data
  bool closed_ = false;  // a segment that is shorter, or pushed, ends a frame
  TapHeader kernel_header_;
  std::array<uint8_t, kMaxHeaders> headers_;
  std::array<iovec, kMaxSegments + 2> iov_;
};

}  // namespace flyover
