// From single probes to a state: `fall` failures in a row make a target down, `rise` successes make
// it up again. The first verdict comes with the first success, or after `fall` failures.
//
// Flaps are damped: one that goes down again before it was up for `damping` needs twice as many
// successes each time, up to 32 times as many, until it has stayed up that long.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "lb/health/health_target.h"

namespace flyover::lb {

class Verdict {
 public:
  using Clock = std::chrono::steady_clock;
  // `damping` 0: none.
  Verdict(uint16_t fall, uint16_t rise, std::chrono::milliseconds damping = {})
      : fall_(fall), rise_(rise), damping_(damping) {}

  HealthState state() const { return state_; }
  // Successes in a row that make it up again.
  uint32_t rise() const { return uint32_t{rise_} << flaps_; }

  // Takes one probe's result; true when it changed the state.
  bool Count(bool good, Clock::time_point now = {}) {
    run_ = good == last_good_ ? run_ + (run_ != UINT32_MAX) : 1;
    last_good_ = good;
    const HealthState before = state_;
    if (good) {
      if (state_ == HealthState::kUnknown || run_ >= rise()) state_ = HealthState::kUp;
    } else if (run_ >= fall_) {
      state_ = HealthState::kDown;
    }
    if (state_ == before) return false;
    if (state_ == HealthState::kUp) {
      up_since_ = now;
    } else if (before == HealthState::kUp) {
      flaps_ = now - up_since_ < damping_ ? std::min(flaps_ + 1, kMostFlaps) : 0;
    }
    return true;
  }

 private:
  static constexpr unsigned kMostFlaps = 5;

  uint16_t fall_;
  uint16_t rise_;
  std::chrono::milliseconds damping_;
  uint32_t run_ = 0;  // results in a row like the last one
  bool last_good_ = false;
  HealthState state_ = HealthState::kUnknown;
  unsigned flaps_ = 0;  // downs in a row that came too soon
  Clock::time_point up_since_;
};

}  // namespace flyover::lb
