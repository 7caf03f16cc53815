// A log-linear histogram (as HdrHistogram's): 32 steps in each power of two, so a value is known to
// 3 % whatever its size. Fixed memory; recording is a few instructions.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace flyover {

class Histogram {
 public:
  void Record(uint64_t value) {
    ++counts_[IndexOf(value)];
    ++total_;
    max_ = std::max(max_, value);
  }
  uint64_t total() const { return total_; }
  uint64_t max() const { return max_; }
  // The least value that at least `share` (0 to 1) of all values do not exceed, rounded up to its
  // step's end; 0 without values.
  uint64_t Quantile(double share) const {
    const auto wanted = std::max<uint64_t>(
        static_cast<uint64_t>(share * static_cast<double>(total_) + 0.999999), 1);
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= wanted) return std::min(EndOf(i), max_);
    }
    return 0;
  }

 private:
  static constexpr unsigned kBits = 5;  // 2^kBits steps in each power of two
  static size_t IndexOf(uint64_t value) {
    if (value < (1u << kBits)) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kBits;
    return (static_cast<size_t>(shift + 1) << kBits) + ((value >> shift) & ((1u << kBits) - 1));
  }
  static uint64_t EndOf(size_t index) {
    if (index < (1u << kBits)) return index;
    const unsigned shift = static_cast<unsigned>(index >> kBits) - 1;
    const uint64_t step = (1u << kBits) + (index & ((1u << kBits) - 1));
    return (step << shift) + (uint64_t{1} << shift) - 1;
  }

  std::array<uint64_t, (64 - kBits + 1) << kBits> counts_{};
  uint64_t total_ = 0;
  uint64_t max_ = 0;
};

}  // namespace flyover
