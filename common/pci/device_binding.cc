#include "common/pci/device_binding.h"

#include <algorithm>
#include <thread>

#include "common/pci/device_memory.h"

namespace flyover {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLookEvery{20};

Status Refuse(const std::string& why) { return {StatusCode::kFailedPrecondition, why}; }

std::string Join(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

fs::path DirectoryOf(const DeviceHost& host, const std::string& address) {
  return host.sys / "bus" / "pci" / "devices" / address;
}

Result<PciDevice> Find(const DeviceHost& host, const std::string& name) {
  if (name.find(',') != std::string::npos || !IsPciDevice(name)) {
    return Status(
        StatusCode::kInvalidArgument,
        "'" + name + "' is no PCI address; accepted: such as 0000:3b:00.0 (flyover device list)");
  }
  auto device = ReadPciDevice(host.sys, name);
  if (!device) {
    return Status(StatusCode::kNotFound, "no PCI device " + FullPciAddress(name) +
                                             "; accepted: one of `flyover device list`");
  }
  return std::move(*device);
}

// Gives the device to `driver`, or (empty) to whichever the kernel finds. Looks whether it is
// there.
Status Move(const DeviceHost& host, const PciDevice& device, const std::string& driver) {
  const fs::path directory = DirectoryOf(host, device.address);
  const auto now = ReadPciDevice(host.sys, device.address);
  if (now && !now->driver.empty()) {
    if (Status status = host.write(directory / "driver" / "unbind", device.address); !status.ok())
      return status;
  }
  if (Status status = host.write(directory / "driver_override", driver + "\n"); !status.ok())
    return status;
  Status probed = host.write(host.sys / "bus" / "pci" / "drivers_probe", device.address);
  const auto after = ReadPciDevice(host.sys, device.address);
  if (after && (driver.empty() ? !after->driver.empty() : after->driver == driver))
    return Status::Ok();
  if (!probed.ok()) return probed;
  return {StatusCode::kUnavailable, driver.empty()
                                        ? "no driver of the kernel took it"
                                        : "driver " + driver + " did not take it (see dmesg)"};
}

// The names that udev gives come a moment after the driver's own.
std::string WaitForInterface(const DeviceHost& host, const std::string& address,
                             const std::string& name, size_t n) {
  const auto deadline = std::chrono::steady_clock::now() + host.interface_wait;
  std::error_code ignored;
  const bool udev = fs::exists("/run/udev/control", ignored);
  for (;;) {
    const auto device = ReadPciDevice(host.sys, address);
    const std::vector<std::string> names = device ? device->interfaces : std::vector<std::string>();
    if (std::find(names.begin(), names.end(), name) != names.end()) return name;
    const bool late = std::chrono::steady_clock::now() >= deadline;
    if (names.size() > n && (late || !udev)) return names[n];
    if (late) return "";
    std::this_thread::sleep_for(kLookEvery);
  }
}

// Interfaces as remembered. What did not work, in words.
std::string RestoreInterfaces(const DeviceHost& host, const std::string& address,
                              const DeviceMemory& memory) {
  std::string faults;
  for (size_t n = 0; n < memory.interfaces.size(); ++n) {
    const KernelInterface& wanted = memory.interfaces[n];
    const std::string present = WaitForInterface(host, address, wanted.name, n);
    const Status status = present.empty() ? Status(StatusCode::kNotFound, "it did not appear")
                                          : host.restore_interface(present, wanted);
    if (!status.ok())
      faults +=
          (faults.empty() ? "" : "; ") + ("interface " + wanted.name + ": " + status.message());
  }
  return faults;
}

Status MayTake(const DeviceHost& host, const PciDevice& device, const BindOptions& options) {
  if (!device.is_network()) return Refuse("it is no network device");
  if (IsSharedDriver(device.driver)) {
    return Refuse(device.driver +
                  " serves DPDK and the kernel side by side: nothing is to be bound");
  }
  if (options.ssh_devices.contains(device.address) && !options.allow_ssh_nic) {
    return Refuse(
        "your ssh session comes in by this device and would end; --allow-ssh-nic accepts that");
  }
  if (!options.allow_default_route) {
    for (const std::string& interface : DefaultRouteInterfaces(host.proc)) {
      if (PciDevicesBelow(host.sys, interface).contains(device.address)) {
        return Refuse("this machine's default route goes out by it (interface " + interface +
                      "); --allow-default-route accepts that it goes");
      }
    }
  }
  if (const auto users = DeviceUsers(host, device); !users.empty())
    return Refuse("it is in use by " + Join(users, ", "));
  if (options.driver != kVfioPci) return Status::Ok();
  if (device.iommu_group.empty()) {
    return Refuse(
        "vfio-pci needs an IOMMU: switch it on in the firmware, and with intel_iommu=on or "
        "amd_iommu=on on the kernel's "
        "command line; or, without its protection, --driver uio_pci_generic");
  }
  for (const PciDevice& other : IommuGroup(host.sys, device)) {
    if (other.is_bridge() || other.driver.empty() || other.driver == kVfioPci) continue;
    return Refuse("its IOMMU group " + device.iommu_group + " holds " + other.address +
                  ", too, which belongs to " + other.driver +
                  ": all of a group or none; accepted: unbind that one, or use another slot");
  }
  return Status::Ok();
}

// In the order in which the kernel has them; those that cannot be read are forgotten.
DeviceMemory MemoryOf(const DeviceHost& host, const PciDevice& device) {
  DeviceMemory memory{.driver = device.driver, .interfaces = {}};
  for (const std::string& name : device.interfaces) {
    auto interface = host.read_interface(name);
    if (interface.ok()) memory.interfaces.push_back(std::move(*interface));
  }
  return memory;
}

std::string NamesOf(const std::vector<KernelInterface>& interfaces) {
  std::vector<std::string> names;
  names.reserve(interfaces.size());
  for (const KernelInterface& interface : interfaces) names.push_back(interface.name);
  return Join(names, ", ");
}

}  // namespace

std::vector<std::string> DeviceUsers(const DeviceHost& host, const PciDevice& device) {
  std::set<std::string> files;
  if (device.driver == kVfioPci && !device.iommu_group.empty())
    files.insert("/dev/vfio/" + device.iommu_group);
  std::error_code error;
  for (fs::directory_iterator uio(DirectoryOf(host, device.address) / "uio", error), end;
       !error && uio != end; uio.increment(error)) {
    files.insert("/dev/" + uio->path().filename().string());
  }
  return files.empty() ? std::vector<std::string>() : UsersOf(host.proc, files);
}

Result<std::string> BindDevice(const DeviceHost& host, const std::string& name,
                               const BindOptions& options) {
  const auto device = Find(host, name);
  if (!device.ok()) return device.status();
  const std::string& address = device->address;
  const auto failed = [&](const Status& status) {
    return Status(status.code(), address + ": " + status.message());
  };
  if (device->driver == options.driver)
    return address + ": belongs to " + options.driver + " already";
  if (Status may = MayTake(host, *device, options); !may.ok()) return failed(may);
  std::error_code ignored;
  if (!fs::exists(host.sys / "bus" / "pci" / "drivers" / options.driver, ignored)) {
    if (Status loaded = host.load_module(options.driver); !loaded.ok()) return failed(loaded);
  }
  // From one DPDK driver to another, what is remembered stays.
  const bool from_kernel = !IsDpdkDriver(device->driver);
  const DeviceMemory memory =
      from_kernel ? MemoryOf(host, *device) : Recall(host.memory, address).value_or(DeviceMemory{});
  if (from_kernel) {
    if (Status kept = Remember(host.memory, address, memory); !kept.ok()) return failed(kept);
  }
  if (Status moved = Move(host, *device, options.driver); !moved.ok()) {
    const std::string back = from_kernel ? "" : device->driver;
    Status undone = device->driver.empty()
                        ? host.write(DirectoryOf(host, address) / "driver_override", "\n")
                        : Move(host, *device, back);
    std::string text = moved.message();
    if (from_kernel) {
      if (const std::string faults = RestoreInterfaces(host, address, memory); !faults.empty())
        text += "; " + faults;
      Forget(host.memory, address);
    }
    text += undone.ok() ? "; it is where it was"
                        : "; and it could not be put back: " + undone.message();
    return failed({moved.code(), text});
  }
  std::string text = address + ": " + (device->driver.empty() ? "no driver" : device->driver) +
                     " -> " + options.driver;
  if (!memory.interfaces.empty())
    text += ", interface " + NamesOf(memory.interfaces) + " is remembered";
  return text;
}

Result<std::string> UnbindDevice(const DeviceHost& host, const std::string& name) {
  const auto device = Find(host, name);
  if (!device.ok()) return device.status();
  const std::string& address = device->address;
  const auto failed = [&](const Status& status) {
    return Status(status.code(), address + ": " + status.message());
  };
  if (!device->driver.empty() && !IsDpdkDriver(device->driver))
    return address + ": belongs to " + device->driver + " already";
  if (const auto users = DeviceUsers(host, *device); !users.empty()) {
    return failed(Refuse("it is in use by " + Join(users, ", ") + "; stop that first"));
  }
  const DeviceMemory memory = Recall(host.memory, address).value_or(DeviceMemory{});
  Status moved = Move(host, *device, "");
  if (!moved.ok() && !memory.driver.empty() && host.load_module(memory.driver).ok()) {
    moved = Move(host, *device, "");
  }
  if (!moved.ok()) return failed(moved);
  if (const std::string faults = RestoreInterfaces(host, address, memory); !faults.empty()) {
    return failed({StatusCode::kUnavailable, "it is the kernel's again, but " + faults});
  }
  Forget(host.memory, address);
  const auto now = ReadPciDevice(host.sys, address);
  std::string text = address + ": " + (device->driver.empty() ? "no driver" : device->driver) +
                     " -> " + (now ? now->driver : "no driver");
  if (!memory.interfaces.empty())
    text += ", interface " + NamesOf(memory.interfaces) + " is as it was";
  return text;
}

}  // namespace flyover
