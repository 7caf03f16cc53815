// What the document says of the router, after validation. Plain values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/strong_id.h"
#include "common/config/dataplane_config.h"
#include "common/net/ip_prefix.h"
#include "router/fib/route_capacity.h"

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
  VrfIndex vrf = kMainVrf;              // whose namespace has it
  bool operator==(const StaticRoute&) const = default;
};

// What one VRF sends to `to` is looked up in another one: no kernel can hold that.
struct LeakRoute {
  IpPrefix to;
  VrfIndex vrf;
  VrfIndex into;
  bool operator==(const LeakRoute&) const = default;
};

// A routing instance beside the main one: a network namespace with its ports' TAPs, its routes and
// its daemons.
struct VrfConfig {
  std::string name;
  KernelConfig kernel;
  RouteCapacity capacity = RouteCapacity::Small();
  bool operator==(const VrfConfig&) const = default;
};

struct EcmpConfig {
  // None: derived from host name and data plane name, so that boxes in a row differ.
  std::optional<uint64_t> seed;
  bool symmetric = false;       // both directions of a flow take the same member
  bool ipv6_flow_label = true;  // RFC 6438
  bool ports = true;            // false: source and destination address alone make a flow
  bool operator==(const EcmpConfig&) const = default;
};

enum class IcmpErrorType : uint8_t { kUnreachable, kTimeExceeded, kTooBig };
inline constexpr size_t kIcmpErrorTypes = 3;
inline constexpr std::array<std::string_view, kIcmpErrorTypes> kIcmpErrorTypeNames = {
    "unreachable", "time_exceeded", "too_big"};

// Errors to one prefix of sources, per second and lcore.
struct IcmpSourceLimit {
  uint32_t rate = 100;
  uint32_t burst = 20;
  uint8_t ipv4_length = 24;
  uint8_t ipv6_length = 64;
  bool operator==(const IcmpSourceLimit&) const = default;
};

// Which address our ICMP errors carry as source. A fixed one goes first, per family.
struct IcmpSourceConfig {
  // The port that the packet came in by, instead of the one the error leaves by (RFC 1812 4.3.2.4).
  bool incoming = false;
  std::optional<Ipv4Address> ipv4 = {};
  std::optional<Ipv6Address> ipv6 = {};
  bool operator==(const IcmpSourceConfig&) const = default;
};

struct IcmpErrorConfig {
  uint32_t rate = 1000;  // errors per second and lcore (RFC 1812 4.3.2.8, RFC 4443 2.4 (f))
  uint32_t burst = 100;
  // Of `rate`, what each type may take. The first two together leave room for the third: without
  // it path MTU discovery breaks.
  std::array<uint32_t, kIcmpErrorTypes> type_rate = {300, 400, 1000};
  IcmpSourceLimit per_source = {};
  IcmpSourceConfig source = {};
  bool operator==(const IcmpErrorConfig&) const = default;
};

struct RouterConfig {
  std::vector<VrfConfig> vrfs;  // those of VrfIndex 1 and up
  std::vector<StaticRoute> routes;
  std::vector<LeakRoute> leaks;
  EcmpConfig ecmp;
  IcmpErrorConfig icmp_errors;
  RouteCapacity capacity;  // of the main VRF
  bool operator==(const RouterConfig&) const = default;

  // By VrfIndex.
  std::vector<std::string> VrfNames() const {
    std::vector<std::string> names{std::string(kMainVrfName)};
    for (const VrfConfig& vrf : vrfs) names.push_back(vrf.name);
    return names;
  }
  // `main` is that of the main VRF.
  const KernelConfig& KernelOf(VrfIndex vrf, const KernelConfig& main) const {
    return vrf == kMainVrf ? main : vrfs[vrf.value() - 1u].kernel;
  }
  std::vector<RouteCapacity> Capacities() const {
    std::vector<RouteCapacity> capacities{capacity};
    for (const VrfConfig& vrf : vrfs) capacities.push_back(vrf.capacity);
    return capacities;
  }
};

}  // namespace flyover::router
