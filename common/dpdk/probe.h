// Devices found by name.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/status.h"

namespace flyover {

// True for "0000:3b:00.0" and "3b:00.0", with or without arguments behind a comma.
bool IsPciDevice(const std::string& device);

// What stands before the arguments.
std::string DeviceNameOf(const std::string& device);

// The DPDK port of a device string. PCI devices were probed when EAL started; a vdev is made,
// unless it exists already (one side of a memif or ring pair). The message of an error says what
// DPDK said and what would help.
Result<uint16_t> ProbeDevice(const std::string& device);

}  // namespace flyover
