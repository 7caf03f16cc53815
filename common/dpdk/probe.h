// Devices found by name.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/status.h"

namespace flyover {

// What stands before the arguments.
std::string DeviceNameOf(const std::string& device);

// The DPDK port of a device string. PCI devices were probed when EAL started; a vdev is made,
// unless it exists already (one side of a memif or ring pair). The message of an error says what
// DPDK said and what would help.
Result<uint16_t> ProbeDevice(const std::string& device);

}  // namespace flyover
