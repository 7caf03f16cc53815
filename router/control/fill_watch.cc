#include "router/control/fill_watch.h"

#include <utility>

namespace flyover::router {
namespace {

constexpr double kNearlyFullFrom = 0.90;
constexpr double kRoomBelow = 0.85;
constexpr double kFullDownTo = 0.95;

FillState Next(FillState state, double share, uint64_t refused) {
  if (refused != 0) return FillState::kFull;
  if (state == FillState::kFull && share >= kFullDownTo) return FillState::kFull;
  if (share >= kNearlyFullFrom) return FillState::kNearlyFull;
  if (state != FillState::kRoom && share >= kRoomBelow) return FillState::kNearlyFull;
  return FillState::kRoom;
}

}  // namespace

bool FillWatch::Update(double share, uint64_t refused) {
  const FillState next = Next(state_, share, refused);
  return std::exchange(state_, next) != next;
}

std::string_view FillStateName(FillState state) {
  switch (state) {
    case FillState::kNearlyFull:
      return "nearly_full";
    case FillState::kFull:
      return "full";
    case FillState::kRoom:
      break;
  }
  return "room";
}

}  // namespace flyover::router
