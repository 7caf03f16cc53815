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

// Up at once at first, then after 2, 4, 8, ... successes, each time that it fails too soon.
TEST(VerdictDamping, FlapsNeedMoreSuccesses) {
  using std::chrono::seconds;
  Verdict verdict(1, 2, seconds(60));
  Verdict::Clock::time_point now{};
  const auto until_up = [&] {
    for (unsigned n = 1;; ++n) {
      now += seconds(1);
      if (verdict.Count(true, now)) return n;
    }
  };
  const auto fail = [&](seconds after) {
    now += after;
    ASSERT_TRUE(verdict.Count(false, now));
  };
  EXPECT_EQ(until_up(), 1u);
  for (const unsigned wanted : {4u, 8u, 16u, 32u, 64u, 64u}) {
    fail(seconds(5));
    EXPECT_EQ(until_up(), wanted);
  }
  fail(seconds(61));
  EXPECT_EQ(until_up(), 2u) << "it was up long enough";
}

TEST(VerdictDamping, NoneWhenSwitchedOff) {
  Verdict verdict(1, 2, {});
  Verdict::Clock::time_point now{};
  verdict.Count(true, now);
  for (int flap = 0; flap < 10; ++flap) {
    verdict.Count(false, now);
    EXPECT_FALSE(verdict.Count(true, now));
    EXPECT_TRUE(verdict.Count(true, now));
  }
}

}  // namespace
}  // namespace flyover::lb
