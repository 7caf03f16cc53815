// What sysfs says of PCI devices. `sys` is /sys; tests give a directory of their own. Any thread;
// nothing is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace flyover {

struct PciDevice {
  std::string address;                  // 0000:3b:00.0
  std::string driver;                   // empty: none is bound
  std::string iommu_group;              // empty: the machine has no IOMMU, or it is off
  std::string numa_node;                // empty: the machine does not say
  std::vector<std::string> interfaces;  // of the kernel; empty when DPDK has the device
  uint32_t device_class = 0;            // 0x020000: Ethernet
  uint16_t vendor = 0;
  uint16_t device = 0;

  bool is_network() const { return device_class >> 16 == 0x02; }
  bool is_bridge() const { return device_class >> 16 == 0x06; }
};

// True for "0000:3b:00.0" and "3b:00.0", with or without arguments behind a comma.
bool IsPciDevice(const std::string& device);

// As sysfs spells it: with its domain, in lower case.
std::string FullPciAddress(const std::string& name);

// nullopt: there is no such device. `name` is an address with or without its domain.
std::optional<PciDevice> ReadPciDevice(const std::filesystem::path& sys, const std::string& name);

// All network devices, by address.
std::vector<PciDevice> PciNetworkDevices(const std::filesystem::path& sys);

// The other devices that the IOMMU cannot tell from this one.
std::vector<PciDevice> IommuGroup(const std::filesystem::path& sys, const PciDevice& device);

// Whether DPDK may take the device: it is there, and no driver of the kernel's own holds it. To be
// asked before EAL starts, which would not say, and could take a device from under the kernel.
// Errors: kNotFound; kFailedPrecondition, with the command that would help.
Status PciIsFree(const std::filesystem::path& sys, const std::string& name);

// Drivers through which DPDK reaches a device, and drivers that serve DPDK and the kernel side by
// side (nothing is to be bound).
bool IsDpdkDriver(const std::string& driver);
bool IsSharedDriver(const std::string& driver);

// Addresses of the PCI devices that carry a kernel interface, also below bonds, bridges, VLANs and
// virtio's own bus.
std::set<std::string> PciDevicesBelow(const std::filesystem::path& sys,
                                      const std::string& interface);

}  // namespace flyover
