#include "lb/control/vip_announcer.h"

#include <gtest/gtest.h>

namespace flyover::lb {
namespace {

using std::chrono::milliseconds;

class VipAnnouncerTest : public ::testing::Test {
 protected:
  VipAnnouncerTest() { announcer_.SetHolds({.up = milliseconds(500), .down = milliseconds(300)}); }
  // After so many ms more, with these VIPs having backends or not.
  void After(int ms, const std::map<IpPrefix, bool>& healthy) {
    now_ += milliseconds(ms);
    announcer_.Update(healthy, now_);
  }
  VipState State(const IpPrefix& vip) {
    for (const VipInfo& info : announcer_.Show()) {
      if (info.vip == vip) return info.state;
    }
    ADD_FAILURE() << vip.ToString() << " is not known";
    return VipState::kWithdrawn;
  }
  bool Announced(const IpPrefix& vip) { return announcer_.Announced().contains(vip); }

  const IpPrefix v4_ = *IpAddress::Parse("192.0.2.1");
  const IpPrefix v6_ = *IpAddress::Parse("2001:db8::1");
  VipAnnouncer announcer_;
  VipAnnouncer::Clock::time_point now_{};
};

TEST_F(VipAnnouncerTest, AnnouncesWhatStaysUp) {
  After(0, {{v4_, true}, {v6_, false}});
  EXPECT_EQ(State(v4_), VipState::kWaitingUp);
  EXPECT_EQ(State(v6_), VipState::kWithdrawn);
  After(499, {{v4_, true}, {v6_, true}});
  EXPECT_FALSE(Announced(v4_));
  After(1, {{v4_, true}, {v6_, true}});
  EXPECT_TRUE(Announced(v4_));
  EXPECT_FALSE(Announced(v6_));
  After(499, {{v4_, true}, {v6_, true}});
  EXPECT_TRUE(Announced(v6_));
}

TEST_F(VipAnnouncerTest, AFlapBeginsTheHoldAnew) {
  After(0, {{v4_, true}});
  After(400, {{v4_, false}});
  After(50, {{v4_, true}});
  After(450, {{v4_, true}});
  EXPECT_FALSE(Announced(v4_)) << "500 ms since the last time it came up have not passed";
  After(50, {{v4_, true}});
  EXPECT_TRUE(Announced(v4_));
}

TEST_F(VipAnnouncerTest, AShortAbsenceIsNotSeenOutside) {
  After(0, {{v4_, true}});
  After(500, {{v4_, true}});
  After(10, {{v4_, false}});
  EXPECT_EQ(State(v4_), VipState::kWaitingDown);
  EXPECT_TRUE(Announced(v4_));
  After(299, {{v4_, true}});
  EXPECT_EQ(State(v4_), VipState::kAnnounced);
  After(10, {{v4_, false}});
  After(300, {{v4_, false}});
  EXPECT_EQ(State(v4_), VipState::kWithdrawn);
  EXPECT_FALSE(Announced(v4_));
}

TEST_F(VipAnnouncerTest, HoldsOfZero) {
  announcer_.SetHolds({.up = milliseconds(0), .down = milliseconds(0)});
  After(0, {{v4_, true}});
  EXPECT_TRUE(Announced(v4_));
  After(1, {{v4_, false}});
  EXPECT_FALSE(Announced(v4_));
}

TEST_F(VipAnnouncerTest, AVipThatLeavesTheDocumentGoesAtOnce) {
  After(0, {{v4_, true}, {v6_, true}});
  After(500, {{v4_, true}, {v6_, true}});
  After(1, {{v6_, true}});
  EXPECT_FALSE(Announced(v4_));
  EXPECT_TRUE(Announced(v6_));
  // Back again, it is new.
  After(1, {{v4_, true}, {v6_, true}});
  EXPECT_EQ(State(v4_), VipState::kWaitingUp);
}

TEST_F(VipAnnouncerTest, ADrainedBoxAnnouncesNothing) {
  After(0, {{v4_, true}});
  After(500, {{v4_, true}});
  announcer_.SetDrained(true);
  After(0, {{v4_, true}});
  EXPECT_EQ(State(v4_), VipState::kDrained);
  EXPECT_FALSE(Announced(v4_));
  announcer_.SetDrained(false);
  After(1000, {{v4_, true}});
  EXPECT_EQ(State(v4_), VipState::kWaitingUp) << "as after a start";
  After(500, {{v4_, true}});
  EXPECT_TRUE(Announced(v4_));
}

}  // namespace
}  // namespace flyover::lb
