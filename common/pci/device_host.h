// What binding touches of a machine; tests give one of their own.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "common/base/status.h"
#include "common/pci/kernel_interface.h"

namespace flyover {

struct DeviceHost {
  std::filesystem::path sys = "/sys";
  std::filesystem::path proc = "/proc";
  // One file for each device that was taken; gone after a restart of the machine, as the binding
  // is.
  std::filesystem::path memory = "/run/flyover/devices";
  std::chrono::milliseconds interface_wait{5000};  // a driver's probe and udev's renaming

  std::function<Status(const std::filesystem::path& file, const std::string& text)> write;
  std::function<Status(const std::string& module)> load_module;
  std::function<Result<KernelInterface>(const std::string& name)> read_interface;
  std::function<Status(const std::string& present, const KernelInterface& wanted)>
      restore_interface;
};

// This machine.
DeviceHost ThisHost();

// Interfaces that a default route goes out by, from proc/net.
std::set<std::string> DefaultRouteInterfaces(const std::filesystem::path& proc);

// Processes that have one of `files` open ("/dev/vfio/17"), as "flyoverd (4711)".
std::vector<std::string> UsersOf(const std::filesystem::path& proc,
                                 const std::set<std::string>& files);

}  // namespace flyover
