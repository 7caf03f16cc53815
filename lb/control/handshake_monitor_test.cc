#include "lb/control/handshake_monitor.h"

#include <gtest/gtest.h>

namespace flyover::lb {
namespace {

constexpr BackendId kOne{1};
constexpr BackendId kTwo{2};
constexpr BackendId kThree{3};

class HandshakeMonitorTest : public testing::Test {
 protected:
  // Each second these happen: {answered, unanswered} of each of three backends.
  void Seconds(int seconds, std::array<std::array<uint64_t, 2>, 3> happens) {
    for (int i = 0; i < seconds; ++i) {
      now_ += std::chrono::seconds(1);
      for (size_t b = 0; b < service_.size(); ++b) {
        service_[b].totals.answers[3] += happens[b][0];
        service_[b].totals.unanswered += happens[b][1];
      }
      monitor_.Update({service_}, now_);
    }
  }

  HandshakeMonitor monitor_;
  HandshakeMonitor::Clock::time_point now_{std::chrono::hours(1)};
  HandshakeMonitor::Service service_{{kOne, {}}, {kTwo, {}}, {kThree, {}}};
};

TEST_F(HandshakeMonitorTest, TheOneThatIsSilentIsFoundAndClearedAgain) {
  Seconds(60, {{{10, 0}, {10, 0}, {10, 0}}});
  EXPECT_FALSE(monitor_.Swallows(kTwo));
  Seconds(25, {{{10, 0}, {0, 10}, {10, 0}}});
  EXPECT_FALSE(monitor_.Swallows(kOne));
  EXPECT_TRUE(monitor_.Swallows(kTwo));
  EXPECT_FALSE(monitor_.Swallows(kThree));
  Seconds(35, {{{10, 0}, {10, 0}, {10, 0}}});
  EXPECT_FALSE(monitor_.Swallows(kTwo));
}

// One that is given fewer connections, as it swallows them, is not cleared by that.
TEST_F(HandshakeMonitorTest, TheAccusedIsClearedByAnswersOrAfterALongSilence) {
  Seconds(30, {{{10, 0}, {0, 10}, {10, 0}}});
  EXPECT_TRUE(monitor_.Swallows(kTwo));
  Seconds(60, {{{10, 0}, {0, 0}, {10, 0}}});
  EXPECT_TRUE(monitor_.Swallows(kTwo)) << "nothing says that it has mended";
  Seconds(35, {{{10, 0}, {1, 0}, {10, 0}}});
  EXPECT_FALSE(monitor_.Swallows(kTwo));

  Seconds(30, {{{10, 0}, {0, 10}, {10, 0}}});
  EXPECT_TRUE(monitor_.Swallows(kTwo));
  Seconds(330, {{{10, 0}, {0, 0}, {10, 0}}});
  EXPECT_FALSE(monitor_.Swallows(kTwo)) << "five minutes after the last sign";

  Seconds(30, {{{10, 0}, {0, 10}, {10, 0}}});
  EXPECT_TRUE(monitor_.Swallows(kTwo));
  service_.erase(service_.begin() + 1);
  now_ += std::chrono::seconds(10);
  monitor_.Update({service_}, now_);
  EXPECT_FALSE(monitor_.Swallows(kTwo)) << "it is gone";
}

// What a flood of forged SYNs looks like, and what a broken network in front does.
TEST_F(HandshakeMonitorTest, SilenceOfAllAccusesNone) {
  Seconds(60, {{{5, 100}, {5, 100}, {5, 100}}});
  for (const BackendId id : {kOne, kTwo, kThree}) EXPECT_FALSE(monitor_.Swallows(id));
}

TEST_F(HandshakeMonitorTest, AFewSayNothing) {
  Seconds(10, {{{10, 0}, {0, 1}, {10, 0}}});
  EXPECT_FALSE(monitor_.Swallows(kTwo));
}

TEST_F(HandshakeMonitorTest, WhereThereIsNobodyToCompareWithNothingIsSaid) {
  Seconds(60, {{{0, 0}, {0, 10}, {0, 0}}});
  EXPECT_FALSE(monitor_.Swallows(kTwo));
}

TEST_F(HandshakeMonitorTest, AnIdThatPassesToAnotherBackendStartsAnew) {
  Seconds(60, {{{10, 0}, {100, 100}, {10, 0}}});
  service_[1].totals = {};
  Seconds(6, {{{10, 0}, {0, 10}, {10, 0}}});
  EXPECT_TRUE(monitor_.Swallows(kTwo));
}

TEST_F(HandshakeMonitorTest, NothingAtAllIsNoReason) {
  monitor_.Update({}, now_);
  monitor_.Update({{}}, now_ + std::chrono::seconds(10));
  EXPECT_FALSE(monitor_.Swallows(kOne));
}

}  // namespace
}  // namespace flyover::lb
