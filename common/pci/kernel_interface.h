// What an administrator set on a network interface of the kernel, as a value: read before the NIC
// is taken from the kernel, put back when it returns.
//
// Kept: name, MAC, MTU, up or down, permanent addresses, static routes with one next hop by it
// (protocols `boot` and `static`). What a program gives it (DHCP, router advertisements, routing
// daemons) that program gives it again. In the caller's network namespace. Any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/net/ip_prefix.h"
#include "common/net/mac_address.h"

namespace flyover {

struct InterfaceRoute {
  IpPrefix to;
  std::optional<IpAddress> via;  // of either family; none: on the link
  uint32_t metric = 0;
  uint32_t table = 0;
  uint32_t mtu = 0;  // 0: none
  uint8_t protocol = 0;
  bool onlink = false;
  bool operator==(const InterfaceRoute&) const = default;
};

struct KernelInterface {
  std::string name;
  MacAddress mac;
  uint32_t mtu = 0;
  bool up = false;
  std::vector<InterfaceAddress> addresses;
  std::vector<InterfaceRoute> routes;
  bool operator==(const KernelInterface&) const = default;
};

// Errors: kNotFound, or the kernel's.
Result<KernelInterface> ReadInterface(const std::string& name);

// Makes the interface that is called `present` now what `wanted` says. Goes on behind a fault; the
// Status holds them all. Addresses and routes that are there already are no fault.
Status RestoreInterface(const std::string& present, const KernelInterface& wanted);

// The file form. FromJson gives nothing for what ToJson could not have written.
nlohmann::json ToJson(const KernelInterface& interface);
std::optional<KernelInterface> InterfaceFromJson(const nlohmann::json& json);

}  // namespace flyover
