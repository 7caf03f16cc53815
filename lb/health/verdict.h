// From single probes to a state: `fall` failures in a row make a target down, `rise` successes make
// it up again. The first verdict comes with the first success, or after `fall` failures.
#pragma once

#include <cstdint>

#include "lb/health/health_target.h"

namespace flyover::lb {

class Verdict {
 public:
  Verdict(uint16_t fall, uint16_t rise) : fall_(fall), rise_(rise) {}

  HealthState state() const { return state_; }

  // Takes one probe's result; true when it changed the state.
  bool Count(bool good) {
    run_ = good == last_good_ ? static_cast<uint16_t>(run_ + (run_ != 0xffff)) : uint16_t{1};
    last_good_ = good;
    const HealthState before = state_;
    if (good) {
      if (state_ == HealthState::kUnknown || run_ >= rise_) state_ = HealthState::kUp;
    } else if (run_ >= fall_) {
      state_ = HealthState::kDown;
    }
    return state_ != before;
  }

 private:
  uint16_t fall_;
  uint16_t rise_;
  uint16_t run_ = 0;  // results in a row like the last one
  bool last_good_ = false;
  HealthState state_ = HealthState::kUnknown;
};

}  // namespace flyover::lb
