// `flyover device list|bind|unbind`: which NICs there are, and whose they are. Works on this
// machine, without a daemon.
#pragma once

#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "common/pci/device_host.h"

namespace flyover {

struct DeviceCommand {
  std::string verb;                  // list, bind, unbind
  std::vector<std::string> devices;  // bind, unbind
  std::string driver;                // bind; empty: vfio-pci
  bool allow_ssh_nic = false;
  bool allow_default_route = false;
  bool json = false;  // list
};

// Returns the exit code. `ssh_interface`: the caller's session comes in by it; may be empty.
// Devices are taken in the order given; the first refusal ends it.
int RunDevice(const DeviceCommand& command, const DeviceHost& host,
              const std::string& ssh_interface, std::ostream& out, std::ostream& err);

}  // namespace flyover
