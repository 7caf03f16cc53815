// How long a silent flow is kept, by the backend it goes to (and so by its service), and which goes
// first where there is no room.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace flyover::lb {

struct ConnectionTimeouts {
  // Set in a number of `by_backend`: the service is a UDP one, whose flows make room before TCP's.
  static constexpr uint16_t kUdp = 0x8000;
  // Of flows that are being opened or closed (SYN seen and nothing since, or FIN or RST last).
  static constexpr uint16_t kBrief = 60;

  const uint16_t* by_backend = nullptr;  // ticks, perhaps with kUdp; by BackendId
  size_t size = 0;
  uint16_t otherwise = 0;  // for ids beyond `size`

  uint16_t Of(uint16_t backend) const {
    return backend < size ? static_cast<uint16_t>(by_backend[backend] & ~kUdp) : otherwise;
  }
  uint16_t Of(uint16_t backend, bool brief) const {
    return brief ? std::min(kBrief, Of(backend)) : Of(backend);
  }
  bool IsUdp(uint16_t backend) const { return backend < size && (by_backend[backend] & kUdp) != 0; }
};

}  // namespace flyover::lb
