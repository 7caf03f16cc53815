// From what is known of a service's backends to the weights that its Maglev table is built with.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace flyover::lb {

// A slow start goes in tenths: each step is a new table.
inline constexpr unsigned kRampSteps = 10;

struct WeighedBackend {
  uint16_t weight = 0;    // of the document or by command; 0: drained
  uint16_t priority = 0;  // group; lower ones first
  bool down = false;
  unsigned ramp = kRampSteps;  // so many tenths of the weight
  uint16_t percent = 100;      // of that
};

struct WeightPolicy {
  uint16_t min_up = 1;
  uint16_t panic_threshold = 0;  // percent
  bool fail_open = false;
};

// By index of `backends`; 0: no new flows.
//
// A ramp and a percentage leave at least 1. Backends of weight 0 count for nothing. Health is not
// believed while fewer than panic_threshold percent of the others are up, nor while none is and
// fail_open is set. Of those that are up then, the groups take part in order until they hold min_up
// backends.
std::vector<uint16_t> EffectiveWeights(std::span<const WeighedBackend> backends,
                                       const WeightPolicy& policy);

// 1 to kRampSteps.
unsigned RampStep(std::chrono::nanoseconds since, std::chrono::nanoseconds whole);

}  // namespace flyover::lb
