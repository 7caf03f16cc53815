// What lcores must know of the ports: whose MAC is ours, what link is up, and which address speaks
// for us. An immutable snapshot; the control thread publishes a new one when a port or an address
// changes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/strong_id.h"
#include "common/net/ip_address.h"
#include "common/net/mac_address.h"
#include "router/datapath/tunnel_table.h"

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
  uint16_t mtu = 1500;    // L3 bytes
  uint8_t vlan_tags = 0;  // of a sub-interface: how many its frames carry; 0: a device
  bool trunk = false;     // a device that has sub-interfaces
  MacAddress mac;
  // More that are ours: of virtual routers (VRRP, RFC 5798 7.3).
  static constexpr unsigned kMostVirtualMacs = 16;
  std::array<MacAddress, kMostVirtualMacs> virtual_macs;
  uint8_t virtual_mac_count = 0;
  VrfIndex vrf = kMainVrf;  // of what comes in here
  uint16_t features = 0;    // PortFeature
  uint8_t dscp = 0;         // 0 to 63
  uint16_t mss4 = 0;        // largest MSS of TCP over IPv4, bytes
  uint16_t mss6 = 0;
  // The addresses that ICMP errors leaving by this port carry as source (RFC 1812 4.3.2.4, RFC
  // 4443 2.2).
  std::optional<Ipv4Address> ipv4;
  std::optional<Ipv6Address> ipv6;

  bool HasVirtualMac(const MacAddress& address) const {
    const auto end = virtual_macs.begin() + virtual_mac_count;
    return std::find(virtual_macs.begin(), end, address) != end;
  }
};

struct PortTable {
  std::array<PortEntry, kMaxPorts> ports;
  uint16_t features = 0;  // of all ports together
  TunnelTable tunnels;

  // `sub` takes the frames that come in by `device` with the tag `outer`, and behind it `inner` if
  // that is not 0.
  void AddSubPort(PortIndex sub, PortIndex device, uint16_t outer, uint16_t inner) {
    sub_ports_.push_back(SubPortKey(device, outer, inner) << 8 | sub.value());
    ports[sub.value()].vlan_tags = inner == 0 ? 1 : 2;
    ports[device.value()].trunk = true;
  }
  // kNoPort: there is none.
  PortIndex SubPort(PortIndex device, uint16_t outer, uint16_t inner) const {
    const uint64_t key = SubPortKey(device, outer, inner);
    const auto at = std::lower_bound(sub_ports_.begin(), sub_ports_.end(), key << 8);
    if (at == sub_ports_.end() || *at >> 8 != key) return kNoPort;
    return PortIndex(static_cast<uint8_t>(*at));
  }

  // After the entries are complete, before publication.
  void Seal() {
    features = 0;
    for (const PortEntry& entry : ports) features |= entry.features;
    std::sort(sub_ports_.begin(), sub_ports_.end());
  }

  const PortEntry& operator[](PortIndex p) const { return ports[p.value()]; }

 private:
  static uint64_t SubPortKey(PortIndex device, uint16_t outer, uint16_t inner) {
    return uint64_t{device.value()} << 24 | uint64_t{outer} << 12 | inner;
  }
  std::vector<uint64_t> sub_ports_;  // key, and below it the port; sorted
};

}  // namespace flyover::router
