// How clients' packets reach a backend, as far as a probe has to travel in the same way.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

#include "common/net/ip_address.h"
#include "lb/config/lb_config.h"

namespace flyover::lb {

struct ClientWay {
  IpAddress vip;  // what the packets are for
  ForwardMode forward = ForwardMode::kIpip;
  std::optional<IpAddress> source = std::nullopt;  // of tunnels' outer header
  GueConfig gue;                                   // of kGue
  uint8_t dscp = 0;                                // of kL3dsr

  auto operator<=>(const ClientWay&) const = default;
};

// To the service's first VIP; without a tunnel, which could carry either family, to the first of
// the backend's.
inline ClientWay WayTo(const ServiceConfig& service, const BackendConfig& backend) {
  const IpFamily family = backend.address.family();
  IpAddress vip = service.vips.front().address();
  for (const IpPrefix& candidate : service.vips) {
    if (!IsTunnel(service.forward) && candidate.family() == family) {
      vip = candidate.address();
      break;
    }
  }
  return {.vip = vip,
          .forward = service.forward,
          .source = service.source.For(family),
          .gue = service.gue,
          .dscp = service.dscp};
}

}  // namespace flyover::lb
