// Gives a NIC to DPDK and back to the kernel (`flyover device bind`, `unbind`), by sysfs'
// driver_override: no other device is touched, and no driver learns a new id.
//
// A step that fails is undone: the NIC is then where it was. Any thread, one at a time per machine.
#pragma once

#include <set>
#include <string>

#include "common/base/status.h"
#include "common/pci/device_host.h"
#include "common/pci/pci_device.h"

namespace flyover {

inline constexpr char kVfioPci[] = "vfio-pci";
inline constexpr char kUioPciGeneric[] = "uio_pci_generic";

struct BindOptions {
  std::string driver = kVfioPci;
  std::set<std::string> ssh_devices;  // that carry the caller's ssh session (PciDevicesBelow)
  bool allow_ssh_nic = false;
  bool allow_default_route = false;
};

// What was done, for people: "0000:3b:00.0: ixgbe -> vfio-pci, interface enp59s0 is remembered".
// Errors: kNotFound (no such device), kFailedPrecondition (refused: it is no NIC, it serves DPDK as
// it is, it carries the session or the default route, the IOMMU is off, or another device of its
// IOMMU group is the kernel's), kUnavailable (the kernel refused; undone), kPermissionDenied.
Result<std::string> BindDevice(const DeviceHost& host, const std::string& device,
                               const BindOptions& options);

// The driver that was remembered, or else the one that the kernel chooses; interfaces get name,
// MAC, MTU, addresses and routes back. Errors: kNotFound, kFailedPrecondition (it is in use),
// kUnavailable.
Result<std::string> UnbindDevice(const DeviceHost& host, const std::string& device);

// Processes that use the device by vfio or uio: flyoverd, as a rule.
std::vector<std::string> DeviceUsers(const DeviceHost& host, const PciDevice& device);

}  // namespace flyover
