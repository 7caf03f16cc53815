// Instructions that this thread executes in user mode, by the CPU's own counter (perf_event_open).
// Many virtual machines have none.
#pragma once

#include <cstdint>

#include "common/tap/unique_fd.h"

namespace flyover {

class InstructionCounter {
 public:
  InstructionCounter();
  bool available() const { return fd_.get() >= 0; }
  // Instructions since construction; 0 when not available. Costs a system call.
  uint64_t Read() const;

 private:
  UniqueFd fd_;
};

}  // namespace flyover
