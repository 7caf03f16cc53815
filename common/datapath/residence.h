// How long bursts stay on an lcore: from the start of the loop that takes them in until it has
// handed them on. Writer: the lcore, once in each such loop. Readers: any thread, relaxed.
#pragma once

#include <array>
#include <cstdint>

#include "common/datapath/log_linear.h"
#include "common/datapath/relaxed_counter.h"

namespace flyover {

class Residence {
 public:
  void Record(uint64_t ticks) { counts_[Steps::IndexOf(ticks)].Add(1); }
  // Ticks that `share` (0 to 1) of all bursts did not exceed, to an eighth.
  uint64_t Quantile(double share) const {
    return Steps::Quantile(share, [this](size_t i) { return counts_[i].Get(); });
  }

 private:
  using Steps = LogLinear<3>;
  std::array<RelaxedCounter, Steps::kSteps> counts_;
};

}  // namespace flyover
