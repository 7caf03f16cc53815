// What is remembered of a NIC while DPDK has it: the kernel driver it came from, and its interfaces
// as they were. One file of JSON per device. Any thread, one process at a time per device.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/pci/kernel_interface.h"

namespace flyover {

struct DeviceMemory {
  std::string driver;  // empty: it had none
  std::vector<KernelInterface> interfaces;
  bool operator==(const DeviceMemory&) const = default;
};

// nullopt: nothing is remembered, or the file is damaged.
std::optional<DeviceMemory> Recall(const std::filesystem::path& directory,
                                   const std::string& address);
// Makes the directory; the file is whole or not there.
Status Remember(const std::filesystem::path& directory, const std::string& address,
                const DeviceMemory& memory);
void Forget(const std::filesystem::path& directory, const std::string& address);

}  // namespace flyover
