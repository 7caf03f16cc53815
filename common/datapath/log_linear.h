// The steps of a log-linear histogram (as HdrHistogram's): 2^kBits in each power of two, so a value
// is known to one part in 2^kBits whatever its size, in fixed memory.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace flyover {

template <unsigned kBits>
struct LogLinear {
  static constexpr size_t kSteps = size_t{64 - kBits + 1} << kBits;

  static size_t IndexOf(uint64_t value) {
    if (value < (1u << kBits)) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kBits;
    return (static_cast<size_t>(shift + 1) << kBits) + ((value >> shift) & ((1u << kBits) - 1));
  }
  // The greatest value of a step.
  static uint64_t EndOf(size_t index) {
    if (index < (1u << kBits)) return index;
    const unsigned shift = static_cast<unsigned>(index >> kBits) - 1;
    const uint64_t step = (1u << kBits) + (index & ((1u << kBits) - 1));
    return (step << shift) + (uint64_t{1} << shift) - 1;
  }

  // The end of the step that holds the least value which at least `share` (0 to 1) of all values do
  // not exceed; 0 without values. count_of(i) is how many lie in step i.
  template <typename CountOf>
  static uint64_t Quantile(double share, CountOf&& count_of) {
    uint64_t total = 0;
    for (size_t i = 0; i < kSteps; ++i) total += count_of(i);
    const auto wanted =
        std::max<uint64_t>(static_cast<uint64_t>(share * static_cast<double>(total) + 0.999999), 1);
    uint64_t seen = 0;
    for (size_t i = 0; i < kSteps; ++i) {
      seen += count_of(i);
      if (seen >= wanted) return EndOf(i);
    }
    return 0;
  }
};

}  // namespace flyover
