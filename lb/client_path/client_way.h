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

}  // namespace flyover::lb
