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

struct PortEntry {
  bool present = false;
  bool up = false;
  uint16_t mtu = 1500;  // L3 bytes
  MacAddress mac;
  // The addresses that ICMP errors leaving by this port carry as source (RFC 1812 4.3.2.4, RFC
  // 4443 2.2).
  std::optional<Ipv4Address> ipv4;
  std::optional<Ipv6Address> ipv6;
};

struct PortTable {
  std::array<PortEntry, kMaxPorts> ports;

  const PortEntry& operator[](PortIndex p) const { return ports[p.value()]; }
};

}  // namespace flyover::router
