#include "lb/control/effective_weights.h"

#include <algorithm>
#include <map>

namespace flyover::lb {

std::vector<uint16_t> EffectiveWeights(std::span<const WeighedBackend> backends,
                                       const WeightPolicy& policy) {
  size_t with_weight = 0, up = 0;
  for (const WeighedBackend& backend : backends) {
    if (backend.weight == 0) continue;
    ++with_weight;
    up += !backend.down;
  }
  const bool believe =
      100 * up >= size_t{policy.panic_threshold} * with_weight && (up != 0 || !policy.fail_open);
  std::map<uint16_t, size_t> usable;  // by group
  for (const WeighedBackend& backend : backends) {
    if (backend.weight != 0 && !(believe && backend.down)) ++usable[backend.priority];
  }
  uint16_t last_group = 0;
  size_t so_far = 0;
  for (const auto& [priority, count] : usable) {
    last_group = priority;
    so_far += count;
    if (so_far >= policy.min_up) break;
  }
  std::vector<uint16_t> weights;
  for (const WeighedBackend& backend : backends) {
    const bool takes_part =
        backend.weight != 0 && !(believe && backend.down) && backend.priority <= last_group;
    const unsigned ramped =
        std::max(1u, backend.weight * backend.ramp / kRampSteps * backend.percent / 100);
    weights.push_back(takes_part ? static_cast<uint16_t>(ramped) : uint16_t{0});
  }
  return weights;
}

unsigned RampStep(std::chrono::nanoseconds since, std::chrono::nanoseconds whole) {
  if (since >= whole) return kRampSteps;
  if (since.count() <= 0) return 1;
  return std::max(1u, static_cast<unsigned>(static_cast<double>(since.count()) * kRampSteps /
                                            static_cast<double>(whole.count())));
}

}  // namespace flyover::lb
