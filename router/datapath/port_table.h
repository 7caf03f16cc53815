// What lcores must know of the ports: whose MAC is ours, what link is up, and which address speaks
// for us. An immutable snapshot; the control thread publishes a new one when a port or an address
// changes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/strong_id.h"
#include "common/net/ip_address.h"
#include "common/net/mac_address.h"

namespace flyover::router {

// What a port does beyond plain forwarding. Where no port does, it costs one test of
// PortTable::features a burst.
enum PortFeature : uint16_t {
  kRpfStrict = 1 << 0,    // the source's best route must lead back to this port
  kRpfLoose = 1 << 1,     // the source must have a route
  kRpfFeasible = 1 << 2,  // one of the source's routes, best or not, must lead back to this port
  kMarkDscp = 1 << 3,     // what comes in by this port is sent on with PortEntry::dscp
  kClampMss = 1 << 4,     // TCP connections over this port are held to PortEntry::mss4 and mss6
  kNoFragments = 1 << 5,  // IPv4 packets too long for this port are refused even without DF
};
inline constexpr uint16_t kReversePath = kRpfStrict | kRpfLoose | kRpfFeasible;
inline constexpr uint16_t kRewritten = kMarkDscp | kClampMss;

struct PortEntry {
  bool present = false;
  bool up = false;
  uint16_t mtu = 1500;  // L3 bytes
  MacAddress mac;
  uint16_t features = 0;  // PortFeature
  uint8_t dscp = 0;       // 0 to 63
  uint16_t mss4 = 0;      // largest MSS of TCP over IPv4, bytes
  uint16_t mss6 = 0;
  // The addresses that ICMP errors leaving by this port carry as source (RFC 1812 4.3.2.4, RFC
  // 4443 2.2).
  std::optional<Ipv4Address> ipv4;
  std::optional<Ipv6Address> ipv6;
};

struct PortTable {
  std::array<PortEntry, kMaxPorts> ports;
  uint16_t features = 0;  // of all ports together

  // After the entries are complete, before publication.
  void Seal() {
    features = 0;
    for (const PortEntry& entry : ports) features |= entry.features;
  }

  const PortEntry& operator[](PortIndex p) const { return ports[p.value()]; }
};

}  // namespace flyover::router
