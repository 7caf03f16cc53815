#include "lb/health/verdict.h"

#include <gtest/gtest.h>

#include <string>

namespace flyover::lb {
namespace {

struct VerdictCase {
  const char* name;
  uint16_t fall;
  uint16_t rise;
  std::string probes;  // g: good, b: bad
  std::string states;  // after each: ?, U, D
};
class VerdictTest : public testing::TestWithParam<VerdictCase> {};

TEST_P(VerdictTest, FollowsTheProbes) {
  Verdict verdict(GetParam().fall, GetParam().rise);
  std::string states;
  HealthState before = HealthState::kUnknown;
  for (const char probe : GetParam().probes) {
    const bool changed = verdict.Count(probe == 'g');
    EXPECT_EQ(changed, verdict.state() != before);
    before = verdict.state();
    states += before == HealthState::kUp ? 'U' : before == HealthState::kDown ? 'D' : '?';
  }
  EXPECT_EQ(states, GetParam().states);
}

INSTANTIATE_TEST_SUITE_P(All, VerdictTest,
                         testing::ValuesIn<VerdictCase>({
                             {"FirstSuccessIsUp", 3, 2, "g", "U"},
                             {"FirstVerdictDownTakesFall", 3, 2, "bbb", "??D"},
                             {"UnknownUntilThen", 3, 2, "bbg", "??U"},
                             {"FallsAfterThree", 3, 2, "gbbb", "UUUD"},
                             {"OneSuccessBreaksTheRow", 3, 2, "gbbgbbb", "UUUUUUD"},
                             {"RisesAfterTwo", 1, 2, "bgg", "DDU"},
                             {"OneFailureBreaksTheRise", 1, 2, "bgbgg", "DDDDU"},
                             {"AtOnce", 1, 1, "gbgb", "UDUD"},
                         }),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace flyover::lb
