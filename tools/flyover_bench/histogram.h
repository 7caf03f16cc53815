// What the benchmark collects times in: recording is a few instructions, a value is known to 3 %.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/datapath/log_linear.h"

namespace flyover {

class Histogram {
 public:
  void Record(uint64_t value) {
    ++counts_[Steps::IndexOf(value)];
    ++total_;
    max_ = std::max(max_, value);
  }
  uint64_t total() const { return total_; }
  uint64_t max() const { return max_; }
  // The least value that at least `share` (0 to 1) of all values do not exceed, rounded up to its
  // step's end; 0 without values.
  uint64_t Quantile(double share) const {
    return std::min(Steps::Quantile(share, [this](size_t i) { return counts_[i]; }), max_);
  }

 private:
  using Steps = LogLinear<5>;
  std::array<uint64_t, Steps::kSteps> counts_{};
  uint64_t total_ = 0;
  uint64_t max_ = 0;
};

}  // namespace flyover
