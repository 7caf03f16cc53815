// What the document says of the router, after validation. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/strong_id.h"
#include "common/net/ip_prefix.h"

namespace flyover::router {

enum class StaticRouteType : uint8_t { kUnicast, kBlackhole, kUnreachable, kProhibit };

struct StaticNexthop {
  std::optional<IpAddress> gateway;  // none: on-link at `port`
  std::optional<PortIndex> port;     // none: the kernel finds it by the gateway's subnet
  uint16_t weight = 1;               // 1 to 256
  bool operator==(const StaticNexthop&) const = default;
};

// Put into the kernel with our own protocol number, as `ip route add` would.
struct StaticRoute {
  IpPrefix to;
  StaticRouteType type = StaticRouteType::kUnicast;
  std::vector<StaticNexthop> nexthops;  // empty unless kUnicast
  uint32_t metric = 0;                  // 0: the kernel's default
  bool operator==(const StaticRoute&) const = default;
};

struct EcmpConfig {
  // None: derived from host name and data plane name, so that boxes in a row differ.
  std::optional<uint64_t> seed;
  bool symmetric = false;       // both directions of a flow take the same member
  bool ipv6_flow_label = true;  // RFC 6438
  bool operator==(const EcmpConfig&) const = default;
};

struct IcmpErrorConfig {
  uint32_t rate = 1000;  // errors per second and lcore (RFC 1812 4.3.2.8, RFC 4443 2.4 (f))
  uint32_t burst = 100;
  bool operator==(const IcmpErrorConfig&) const = default;
};

struct RouterConfig {
  std::vector<StaticRoute> routes;
  EcmpConfig ecmp;
  IcmpErrorConfig icmp_errors;
  bool operator==(const RouterConfig&) const = default;
};

}  // namespace flyover::router
