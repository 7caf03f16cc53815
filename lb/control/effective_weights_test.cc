#include "lb/control/effective_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flyover::lb {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;

constexpr WeighedBackend kUp{100, 0, false, kRampSteps};
constexpr WeighedBackend kDown{100, 0, true, kRampSteps};
constexpr WeighedBackend kDrained{0, 0, false, kRampSteps};
constexpr WeighedBackend kSpare{50, 1, false, kRampSteps};
constexpr WeighedBackend kLastResort{10, 7, false, kRampSteps};

std::vector<uint16_t> Of(const std::vector<WeighedBackend>& backends,
                         const WeightPolicy& policy = {}) {
  return EffectiveWeights(backends, policy);
}

TEST(EffectiveWeights, DownAndDrainedGetNothing) {
  EXPECT_THAT(Of({kUp, kDown, kDrained}), ElementsAre(100, 0, 0));
  EXPECT_THAT(Of({}), ElementsAre());
  EXPECT_THAT(Of({kDown, kDrained}), ElementsAre(0, 0));
}

TEST(EffectiveWeights, SparesJoinWhenTooFewAreLeft) {
  EXPECT_THAT(Of({kUp, kUp, kSpare, kLastResort}), ElementsAre(100, 100, 0, 0));
  EXPECT_THAT(Of({kUp, kDown, kSpare}, {.min_up = 2}), ElementsAre(100, 0, 50));
  EXPECT_THAT(Of({kDown, kDown, kSpare, kLastResort}), ElementsAre(0, 0, 50, 0));
  EXPECT_THAT(Of({kUp, kDown, kSpare, kLastResort}, {.min_up = 3}), ElementsAre(100, 0, 50, 10));
  EXPECT_THAT(Of({kDrained, kSpare}), ElementsAre(0, 50)) << "a drained one does not count";
  EXPECT_THAT(Of({kUp, kSpare}, {.min_up = 4096}), ElementsAre(100, 50));
}

TEST(EffectiveWeights, FailOpenOnlyWhenNoneIsUp) {
  const WeightPolicy open{.fail_open = true};
  EXPECT_THAT(Of({kDown, kDown, kDrained}, open), ElementsAre(100, 100, 0));
  EXPECT_THAT(Of({kUp, kDown}, open), ElementsAre(100, 0));
  EXPECT_THAT(Of({kDown, kSpare}, open), ElementsAre(0, 50)) << "a spare that is up comes first";
  EXPECT_THAT(Of({kDrained}, open), ElementsAre(0));
}

TEST(EffectiveWeights, BelowTheThresholdHealthIsNotBelieved) {
  const WeightPolicy half{.panic_threshold = 50};
  EXPECT_THAT(Of({kUp, kDown, kDown}, half), ElementsAre(100, 100, 100));
  EXPECT_THAT(Of({kUp, kDown}, half), ElementsAre(100, 0)) << "half is enough";
  EXPECT_THAT(Of({kUp, kDown, kDrained, kDrained}, half), ElementsAre(100, 0, 0, 0));
  EXPECT_THAT(Of({kDown, kDown}, {.panic_threshold = 1}), ElementsAre(100, 100));
}

TEST(EffectiveWeights, APercentageOfWhatTheRampGives) {
  WeighedBackend braked = kUp;
  braked.percent = 20;
  EXPECT_THAT(Of({kUp, braked}), ElementsAre(100, 20));
  braked.ramp = 5;
  EXPECT_THAT(Of({kUp, braked}), ElementsAre(100, 10));
  braked.weight = 2;
  EXPECT_THAT(Of({kUp, braked}), ElementsAre(100, 1)) << "never 0";
}

TEST(EffectiveWeights, SlowStartRampsInTenths) {
  WeighedBackend starting = kUp;
  starting.ramp = 1;
  EXPECT_THAT(Of({kUp, starting}), ElementsAre(100, 10));
  starting.weight = 3;
  EXPECT_THAT(Of({starting}), ElementsAre(1)) << "never 0";
  EXPECT_EQ(RampStep(seconds(0), seconds(30)), 1u);
  EXPECT_EQ(RampStep(seconds(5), seconds(30)), 1u);
  EXPECT_EQ(RampStep(seconds(6), seconds(30)), 2u);
  EXPECT_EQ(RampStep(seconds(29), seconds(30)), 9u);
  EXPECT_EQ(RampStep(seconds(30), seconds(30)), kRampSteps);
  EXPECT_EQ(RampStep(seconds(1), seconds(0)), kRampSteps);
  EXPECT_EQ(RampStep(seconds(-1), seconds(30)), 1u);
}

}  // namespace
}  // namespace flyover::lb
