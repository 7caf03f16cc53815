// The box's own addresses as the kernel has them, for those who answer or refuse packets to them.
// Plain values; a new version is published when something changed.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/base/strong_id.h"
#include "common/net/ip_prefix.h"
#include "common/net/mac_address.h"

namespace flyover::router {

struct OwnAddress {
  InterfaceAddress address;
  bool primary = false;  // not IFA_F_SECONDARY, not deprecated: fit to be the source of our packets
  bool vip = false;      // put there by VipAddresses
  bool operator==(const OwnAddress&) const = default;
};

struct PortAddresses {
  std::vector<OwnAddress> own;         // primary ones first, otherwise in the kernel's order
  std::vector<Ipv4Address> broadcast;  // directed broadcast addresses of the port's subnets
  // Of macvlan devices on the port's TAP that are up: a VRRP daemon's virtual routers.
  std::vector<MacAddress> macs;
  bool operator==(const PortAddresses&) const = default;
};

struct KernelAddresses {
  std::array<PortAddresses, kMaxPorts> ports;
  std::vector<IpAddress>
      elsewhere;  // of other interfaces in the namespace (lo, management); no 127/8, no ::1
  bool operator==(const KernelAddresses&) const = default;
};

}  // namespace flyover::router
