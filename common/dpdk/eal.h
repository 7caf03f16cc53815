// Starting DPDK's environment: CPUs, memory, and what to do where hugepages are missing.
//
// Threads: the calling thread becomes DPDK's main lcore (the control thread). Once per process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace flyover {

enum class HugepageUse : uint8_t { kAuto, kOff, kRequired };

struct EalOptions {
  std::string file_prefix;
  std::vector<unsigned> lcore_cpus;  // one forwarding lcore on each; see PlanLcores
  HugepageUse hugepages = HugepageUse::kAuto;
  uint32_t memory_mib = 256;  // what pools and rings will take
  // The calling thread stays on the first of lcore_cpus: for programs that drive the loop
  // themselves.
  bool main_on_lcore = false;
  std::vector<std::string> pci_devices;  // "0000:3b:00.0[,devargs]": only these are touched
};

struct EalReport {
  bool hugepages = false;
  std::string
      warning;  // why it runs without hugepages although it should have them; empty: all well
};

// kFailedPrecondition: hugepages are required and missing; kInternal: DPDK refused (its own words
// are in the message).
Result<EalReport> StartEal(const EalOptions& options);
void StopEal();

// The CPUs that this process may use, in order.
std::vector<unsigned> AllowedCpus();

// CPUs of the forwarding lcores. `given` wins; else `count` or all but one of the allowed CPUs, the
// first staying with the kernel. On a machine with one CPU that one is shared. kInvalidArgument: a
// given CPU is not allowed to this process, or more are asked for than there are.
Result<std::vector<unsigned>> PlanLcores(const std::vector<unsigned>& given,
                                         std::optional<unsigned> count,
                                         const std::vector<unsigned>& allowed);

}  // namespace flyover
