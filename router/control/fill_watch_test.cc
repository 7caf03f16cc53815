#include "router/control/fill_watch.h"

#include <gtest/gtest.h>

namespace flyover::router {
namespace {

TEST(FillWatch, SaysEachStateOnceWhileTheTableSways) {
  FillWatch watch;
  struct Step {
    double share;
    uint64_t refused;
    bool changes;
    FillState state;
  };
  const Step steps[] = {
      {0.10, 0, false, FillState::kRoom},       {0.89, 0, false, FillState::kRoom},
      {0.90, 0, true, FillState::kNearlyFull},  {0.88, 0, false, FillState::kNearlyFull},
      {0.91, 0, false, FillState::kNearlyFull}, {0.84, 0, true, FillState::kRoom},
      {0.86, 0, false, FillState::kRoom},       {1.00, 0, true, FillState::kNearlyFull},
      {1.00, 1, true, FillState::kFull},        {1.00, 0, false, FillState::kFull},
      {0.99, 7, false, FillState::kFull},       {0.96, 0, false, FillState::kFull},
      {0.94, 0, true, FillState::kNearlyFull},  {0.20, 3, true, FillState::kFull},
      {0.20, 0, true, FillState::kRoom},
  };
  for (const Step& step : steps) {
    EXPECT_EQ(watch.Update(step.share, step.refused), step.changes) << step.share;
    EXPECT_EQ(watch.state(), step.state) << step.share;
  }
}

}  // namespace
}  // namespace flyover::router
