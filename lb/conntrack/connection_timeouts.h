// How long a silent flow is kept, by the backend it goes to (and so by its service).
#pragma once

#include <cstddef>
#include <cstdint>

namespace flyover::lb {

struct ConnectionTimeouts {
  const uint16_t* by_backend = nullptr;  // ticks, by BackendId
  size_t size = 0;
  uint16_t otherwise = 0;  // for ids beyond `size`

  uint16_t Of(uint16_t backend) const { return backend < size ? by_backend[backend] : otherwise; }
};

}  // namespace flyover::lb
