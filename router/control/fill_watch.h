// Whether a table is nearly full or full, said once and not again and again while it sways.
//
// Nearly full from 90 % on, until below 85 %. Full while routes are refused, and then until below
// 95 %. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace flyover::router {

enum class FillState : uint8_t { kRoom, kNearlyFull, kFull };

class FillWatch {
 public:
  // `share`: of the table that is in use, 1: all; `refused`: routes that wait for room. True: the
  // state has changed.
  bool Update(double share, uint64_t refused);
  FillState state() const { return state_; }

 private:
  FillState state_ = FillState::kRoom;
};

// "room", "nearly_full", "full".
std::string_view FillStateName(FillState state);

}  // namespace flyover::router
