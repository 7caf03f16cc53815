#include "common/datapath/stage_clock.h"

#include <rte_cycles.h>

namespace flyover {

// Out of line and cold: the stages' code stays as it is.
[[gnu::cold]] void StageClock::Take(Stage stage, uint64_t packets) {
  const uint64_t now = rte_rdtsc();
  StageTime& time = times_[static_cast<size_t>(stage)];
  time.cycles.Add(now - last_);
  time.packets.Add(packets);
  last_ = now;
}

}  // namespace flyover
