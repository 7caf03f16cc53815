#include "tools/bench/instruction_counter.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace flyover {

InstructionCounter::InstructionCounter() {
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.config = PERF_COUNT_HW_INSTRUCTIONS;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  fd_ = UniqueFd(static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, /*pid=*/0, /*cpu=*/-1, /*group=*/-1, /*flags=*/0)));
}

uint64_t InstructionCounter::Read() const {
  uint64_t value = 0;
  if (!available() || read(fd_.get(), &value, sizeof(value)) != sizeof(value)) return 0;
  return value;
}

}  // namespace flyover
