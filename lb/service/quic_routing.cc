#include "lb/service/quic_routing.h"

#include <algorithm>

namespace flyover::lb {

QuicRouting::QuicRouting(const std::vector<QuicCidConfig>& configs, Backends backends)
    : decoder_(configs), backends_(std::move(backends)) {
  std::ranges::sort(backends_, {}, &Backends::value_type::first);
}

std::optional<BackendId> QuicRouting::Find(const uint8_t* payload, size_t length) const {
  const auto id = decoder_.ServerOf(payload, length);
  if (!id) return {};
  const auto found = std::ranges::lower_bound(backends_, *id, {}, &Backends::value_type::first);
  if (found == backends_.end() || found->first != *id) return {};
  return found->second;
}

}  // namespace flyover::lb
