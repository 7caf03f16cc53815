#include "common/pci/pci_device.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <string_view>

namespace flyover {
namespace {

namespace fs = std::filesystem;

// Interfaces stand on interfaces at most so many times (VLAN on bond on NIC).
constexpr unsigned kMostLayers = 8;

std::string NameOfLink(const fs::path& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  return error ? "" : target.filename().string();
}

std::string FirstLine(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::vector<std::string> NamesIn(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Of "0x020000"; 0 where there is none.
uint32_t HexNumber(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return number;
}

void Collect(const fs::path& sys, const std::string& interface, unsigned layers,
             std::set<std::string>& found) {
  const fs::path directory = sys / "class" / "net" / interface;
  std::error_code error;
  // A virtio NIC's device is virtio0; the PCI device is above it in the path.
  const fs::path device = fs::canonical(directory / "device", error);
  std::string pci;
  if (!error) {
    for (const fs::path& part : device) {
      if (part.string().size() == 12 && IsPciDevice(part.string())) pci = part.string();
    }
  }
  if (!pci.empty()) found.insert(pci);
  if (layers == 0) return;
  constexpr std::string_view kLower = "lower_";
  for (const std::string& name : NamesIn(directory)) {
    if (name.starts_with(kLower)) Collect(sys, name.substr(kLower.size()), layers - 1, found);
  }
}

}  // namespace

bool IsPciDevice(const std::string& device) {
  const std::string name = device.substr(0, device.find(','));
  unsigned domain = 0, bus = 0, slot = 0, function = 0;
  int end = 0;
  const bool full =
      std::sscanf(name.c_str(), "%4x:%2x:%2x.%1o%n", &domain, &bus, &slot, &function, &end) == 4;
  if (full) return static_cast<size_t>(end) == name.size() && end == 12;
  end = 0;
  return std::sscanf(name.c_str(), "%2x:%2x.%1o%n", &bus, &slot, &function, &end) == 3 &&
         static_cast<size_t>(end) == name.size() && end == 7;
}

std::string FullPciAddress(const std::string& name) {
  std::string address = name.size() == 7 ? "0000:" + name : name;
  std::transform(address.begin(), address.end(), address.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return address;
}

std::optional<PciDevice> ReadPciDevice(const fs::path& sys, const std::string& name) {
  PciDevice device;
  device.address = FullPciAddress(name);
  const fs::path directory = sys / "bus" / "pci" / "devices" / device.address;
  std::error_code error;
  if (!fs::exists(directory, error)) return std::nullopt;
  device.driver = NameOfLink(directory / "driver");
  device.iommu_group = NameOfLink(directory / "iommu_group");
  device.numa_node = FirstLine(directory / "numa_node");
  if (device.numa_node == "-1") device.numa_node.clear();
  device.device_class = HexNumber(FirstLine(directory / "class"));
  device.vendor = static_cast<uint16_t>(HexNumber(FirstLine(directory / "vendor")));
  device.device = static_cast<uint16_t>(HexNumber(FirstLine(directory / "device")));
  device.interfaces = NamesIn(directory / "net");
  for (const std::string& child : NamesIn(directory)) {
    if (!child.starts_with("virtio")) continue;
    for (std::string& interface : NamesIn(directory / child / "net")) {
      device.interfaces.push_back(std::move(interface));
    }
  }
  return device;
}

Status PciIsFree(const fs::path& sys, const std::string& name) {
  const auto device = ReadPciDevice(sys, name);
  if (!device) {
    return Status(
        StatusCode::kNotFound,
        "no PCI device " + name + " on this machine; accepted: one that `lspci -D` lists");
  }
  if (IsDpdkDriver(device->driver) || IsSharedDriver(device->driver)) return {};
  std::string owner = device->driver.empty() ? "has no driver" : "belongs to the kernel driver '";
  if (!device->driver.empty()) owner += device->driver + "'";
  for (const std::string& interface : device->interfaces) owner += " (interface " + interface + ")";
  return Status(StatusCode::kFailedPrecondition, "PCI device " + device->address + " " + owner +
                                                     "; to give it to DPDK: flyover device bind " +
                                                     device->address);
}

bool IsDpdkDriver(const std::string& driver) {
  constexpr std::array<std::string_view, 3> kDrivers = {"vfio-pci", "uio_pci_generic", "igb_uio"};
  return std::find(kDrivers.begin(), kDrivers.end(), driver) != kDrivers.end();
}

bool IsSharedDriver(const std::string& driver) {
  constexpr std::array<std::string_view, 3> kDrivers = {"mlx4_core", "mlx5_core", "mana"};
  return std::find(kDrivers.begin(), kDrivers.end(), driver) != kDrivers.end();
}

std::vector<PciDevice> PciNetworkDevices(const fs::path& sys) {
  std::vector<PciDevice> devices;
  for (const std::string& name : NamesIn(sys / "bus" / "pci" / "devices")) {
    auto device = ReadPciDevice(sys, name);
    if (device && device->is_network()) devices.push_back(std::move(*device));
  }
  return devices;
}

std::vector<PciDevice> IommuGroup(const fs::path& sys, const PciDevice& device) {
  std::vector<PciDevice> members;
  if (device.iommu_group.empty()) return members;
  for (const std::string& name :
       NamesIn(sys / "kernel" / "iommu_groups" / device.iommu_group / "devices")) {
    auto member = ReadPciDevice(sys, name);
    if (member && member->address != device.address) members.push_back(std::move(*member));
  }
  return members;
}

std::set<std::string> PciDevicesBelow(const fs::path& sys, const std::string& interface) {
  std::set<std::string> found;
  if (!interface.empty()) Collect(sys, interface, kMostLayers, found);
  return found;
}

}  // namespace flyover
