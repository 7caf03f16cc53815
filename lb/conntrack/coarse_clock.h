// The connection tables' time: whole seconds of the TSC, in 15 bits. All lcores read the same TSC,
// so their ticks agree. Ages are differences, right as long as nothing gets older than 9 hours;
// the sweep sees to that.
#pragma once

#include <cstdint>

namespace flyover::lb {

inline constexpr uint16_t kTicksPerSecond = 1;
inline constexpr uint16_t kTickMask = 0x7fff;
// Timeouts are cut to this (4.5 hours), half of what 15 bits can tell apart.
inline constexpr uint16_t kMaxTimeoutTicks = 0x3fff;

// Ticks from `seen` to `now`. The sixteenth bit of either is ignored.
inline uint16_t TickAge(uint16_t now, uint16_t seen) {
  return static_cast<uint16_t>((now - seen) & kTickMask);
}

class CoarseClock {
 public:
  explicit CoarseClock(uint64_t tsc_hz) : tsc_per_tick_(tsc_hz / kTicksPerSecond) {}

  // A division once a tick, not once a burst.
  uint16_t Tick(uint64_t now) {
    if (now - start_ >= tsc_per_tick_) {
      const uint64_t tick = now / tsc_per_tick_;
      start_ = tick * tsc_per_tick_;
      tick_ = static_cast<uint16_t>(tick & kTickMask);
    }
    return tick_;
  }

 private:
  uint64_t tsc_per_tick_;
  uint64_t start_ = 0;  // TSC at which tick_ began
  uint16_t tick_ = 0;
};

}  // namespace flyover::lb
