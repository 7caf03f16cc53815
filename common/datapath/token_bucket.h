// A rate with a burst, in TSC ticks. One owner, no atomics.
#pragma once

#include <algorithm>
#include <cstdint>

namespace flyover {

class TokenBucket {
 public:
  TokenBucket() = default;
  // `rate` tokens per second, at most `burst` saved up. Starts full. A rate of 0 refuses
  // everything.
  TokenBucket(uint32_t rate, uint32_t burst, uint64_t tsc_hz)
      : cost_(rate == 0 ? 0 : std::max<uint64_t>(tsc_hz / rate, 1)), depth_(cost_ * burst) {}

  // Takes one token if there is one.
  bool Take(uint64_t now) {
    if (cost_ == 0) return false;
    // `full_at_` is when the bucket will be full again; it runs ahead of now by what has been
    // taken.
    const uint64_t start = std::max(full_at_, now);
    if (start - now + cost_ > depth_) return false;
    full_at_ = start + cost_;
    return true;
  }

 private:
  uint64_t cost_ = 0;     // ticks a token
  uint64_t depth_ = 0;    // ticks
  uint64_t full_at_ = 0;  // TSC
};

}  // namespace flyover
