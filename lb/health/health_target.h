// One thing to probe. Services that probe the same thing in the same way share the probe.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/net/ip_address.h"
#include "lb/client_path/client_way.h"
#include "lb/config/lb_config.h"

namespace flyover::lb {

struct HealthTarget {
  IpAddress address;
  HealthConfig::Kind kind = HealthConfig::Kind::kTcp;  // never kNone
  uint16_t port = 0;
  // As in HealthConfig, where the kind has them.
  std::string path;
  std::string host;
  uint16_t expect = 200;
  std::string body;
  std::string send;
  std::vector<std::string> command;
  bool verify = false;
  std::optional<ClientWay> way;  // the probe travels as a client's packets do
  std::chrono::milliseconds interval{2000};
  std::chrono::milliseconds timeout{1000};
  uint16_t fall = 3;
  uint16_t rise = 2;
  std::chrono::milliseconds damping{60'000};

  // Whom the probe speaks to.
  const IpAddress& Peer() const { return way ? way->vip : address; }

  auto operator<=>(const HealthTarget&) const = default;
};

enum class HealthState : uint8_t {
  kUnknown,  // no verdict yet: counts as up
  kUp,
  kDown,
};

// A verdict that differs from the one before it.
struct HealthEvent {
  HealthTarget target;
  HealthState state = HealthState::kUnknown;
  std::string reason;  // of the last probe: "status 200", "connection refused", ...
  std::chrono::system_clock::time_point time;
};

}  // namespace flyover::lb
