// The backends of a service by what QUIC connection ids say (lb/quic/quic_cid.h).
//
// Threads: immutable, so any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/strong_id.h"
#include "lb/quic/quic_cid.h"

namespace flyover::lb {

class QuicRouting {
 public:
  using Backends = std::vector<std::pair<QuicServerId, BackendId>>;

  // REQUIRES: as of QuicCidDecoder; every id once.
  QuicRouting(const std::vector<QuicCidConfig>& configs, Backends backends);

  // Whom the packet names, by the first `length` bytes of its UDP payload.
  std::optional<BackendId> Find(const uint8_t* payload, size_t length) const;

 private:
  QuicCidDecoder decoder_;
  Backends backends_;  // sorted
};

}  // namespace flyover::lb
