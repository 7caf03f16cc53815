// Other DPDK programs as subjects, at the device level: from the same pcap device to the same null
// device, on the same CPU, in turn with Flyover. Each runs as a child that stands still between its
// samples.
#pragma once

#include <memory>
#include <string>

#include "tools/flyover_bench/subject.h"

namespace flyover {

struct PeerOptions {
  Load load;
  unsigned cpu = 0;
  bool hugepages = false;
  uint64_t seed = 1;
  unsigned milliseconds = 250;  // of a sample
};

// dpdk-testpmd, which forwards without a look (`io`). Debian's package dpdk-dev has it.
Result<std::unique_ptr<Subject>> MakeTestpmdSubject(const PeerOptions& options);

// DPDK's example l3fwd, with the load's routes in its LPM table (at most 1,024). It checks no
// header. tools/bench-peers builds it.
Result<std::unique_ptr<Subject>> MakeL3fwdSubject(const PeerOptions& options);

}  // namespace flyover
