#include "router/control/neighbor_mirror.h"

#include <gtest/gtest.h>
#include <linux/neighbour.h>

#include <map>
#include <string>

namespace flyover::router {
namespace {

constexpr PortIndex kLan{1};
const MacAddress kMac{{2, 0, 0, 0, 0, 7}};
const MacAddress kOtherMac{{2, 0, 0, 0, 0, 8}};

class FakeRib : public RibSink {
 public:
  Status UpsertRoute(const RibRoute&) override { return Status::Ok(); }
  Status RemoveRoute(const IpPrefix&, uint32_t) override { return Status::Ok(); }
  void SetNeighbor(PortIndex, const IpAddress& a, const MacAddress& mac) override {
    ++writes;
    state[a.ToString()] = mac.ToString();
  }
  void SetNeighborFailed(PortIndex, const IpAddress& a) override {
    ++writes;
    state[a.ToString()] = "failed";
  }
  void RemoveNeighbor(PortIndex, const IpAddress& a) override {
    ++writes;
    state.erase(a.ToString());
  }
  std::map<std::string, std::string> state;
  int writes = 0;
};

netlink::NeighborMessage Message(const char* address, uint16_t state,
                                 std::optional<MacAddress> mac = std::nullopt) {
  netlink::NeighborMessage m;
  m.address = *IpAddress::Parse(address);
  m.state = state;
  m.mac = mac;
  return m;
}

class NeighborMirrorTest : public testing::Test {
 protected:
  FakeRib rib;
  NeighborMirror mirror{rib};
  NeighborMirror::Clock::time_point now{std::chrono::hours(1)};
};

TEST_F(NeighborMirrorTest, EveryStateWithAnAddressIsUsable) {
  for (const uint16_t state : std::array<uint16_t, 6>{NUD_REACHABLE, NUD_STALE, NUD_DELAY,
                                                      NUD_PROBE, NUD_PERMANENT, NUD_NOARP}) {
    const std::string address = "10.0.0." + std::to_string(state);
    EXPECT_TRUE(mirror.Apply(kLan, Message(address.c_str(), state, kMac), now));
    EXPECT_EQ(rib.state[address], kMac.ToString());
  }
}

TEST_F(NeighborMirrorTest, OnlyChangesReachTheRib) {
  mirror.Apply(kLan, Message("fe80::7", NUD_REACHABLE, kMac), now);
  mirror.Apply(kLan, Message("fe80::7", NUD_STALE, kMac), now);
  mirror.Apply(kLan, Message("fe80::7", NUD_DELAY, kMac), now);
  EXPECT_EQ(rib.writes, 1);
  mirror.Apply(kLan, Message("fe80::7", NUD_REACHABLE, kOtherMac), now);
  EXPECT_EQ(rib.state["fe80::7"], kOtherMac.ToString());
}

TEST_F(NeighborMirrorTest, FailureIsForgottenAfterItsTime) {
  EXPECT_FALSE(mirror.Apply(kLan, Message("10.0.0.9", NUD_INCOMPLETE), now));
  EXPECT_TRUE(mirror.Apply(kLan, Message("10.0.0.9", NUD_FAILED), now));
  EXPECT_EQ(rib.state["10.0.0.9"], "failed");
  mirror.Tick(now + kFailedHold - std::chrono::milliseconds(1));
  EXPECT_EQ(rib.state["10.0.0.9"], "failed");
  mirror.Tick(now + kFailedHold);
  EXPECT_FALSE(rib.state.contains("10.0.0.9"));
  // The kernel keeps the entry, and every dump repeats it.
  mirror.BeginDump();
  mirror.ApplyDumped(kLan, Message("10.0.0.9", NUD_FAILED), now + kFailedHold);
  mirror.FinishDump(true);
  EXPECT_FALSE(rib.state.contains("10.0.0.9"));
  // Asked again and failed again.
  EXPECT_TRUE(mirror.Apply(kLan, Message("10.0.0.9", NUD_FAILED), now + 2 * kFailedHold));
  EXPECT_EQ(rib.state["10.0.0.9"], "failed");
}

TEST_F(NeighborMirrorTest, RepeatedFailureLastsFromTheLastOne) {
  mirror.Apply(kLan, Message("10.0.0.9", NUD_FAILED), now);
  mirror.Apply(kLan, Message("10.0.0.9", NUD_FAILED), now + std::chrono::seconds(2));
  mirror.Tick(now + kFailedHold);
  EXPECT_EQ(rib.state["10.0.0.9"], "failed");
  mirror.Tick(now + kFailedHold + std::chrono::seconds(2));
  EXPECT_FALSE(rib.state.contains("10.0.0.9"));
}

TEST_F(NeighborMirrorTest, ResolvedInTimeIsNotForgotten) {
  mirror.Apply(kLan, Message("10.0.0.9", NUD_FAILED), now);
  mirror.Apply(kLan, Message("10.0.0.9", NUD_REACHABLE, kMac), now);
  mirror.Tick(now + 2 * kFailedHold);
  EXPECT_EQ(rib.state["10.0.0.9"], kMac.ToString());
}

TEST_F(NeighborMirrorTest, IncompleteAndRemovedAreUnknown) {
  mirror.Apply(kLan, Message("10.0.0.8", NUD_REACHABLE, kMac), now);
  mirror.Apply(kLan, Message("10.0.0.9", NUD_REACHABLE, kMac), now);
  mirror.Apply(kLan, Message("10.0.0.8", NUD_INCOMPLETE), now);
  netlink::NeighborMessage removed = Message("10.0.0.9", NUD_STALE, kMac);
  removed.removed = true;
  EXPECT_TRUE(mirror.Apply(kLan, removed, now));
  EXPECT_TRUE(rib.state.empty());
  EXPECT_EQ(mirror.size(), 0u);
}

TEST_F(NeighborMirrorTest, MulticastAndProxiesAreNoNeighbours) {
  mirror.Apply(kLan, Message("ff02::1", NUD_NOARP, MacAddress{{0x33, 0x33, 0, 0, 0, 1}}), now);
  mirror.Apply(kLan, Message("10.0.0.255", NUD_NOARP, MacAddress::Broadcast()), now);
  netlink::NeighborMessage proxy = Message("10.0.0.5", NUD_PERMANENT, kMac);
  proxy.flags = NTF_PROXY;
  mirror.Apply(kLan, proxy, now);
  EXPECT_EQ(rib.writes, 0);
}

TEST_F(NeighborMirrorTest, DumpRemovesWhatIsGone) {
  mirror.Apply(kLan, Message("10.0.0.8", NUD_REACHABLE, kMac), now);
  mirror.Apply(kLan, Message("10.0.0.9", NUD_REACHABLE, kMac), now);
  mirror.BeginDump();
  mirror.ApplyDumped(kLan, Message("10.0.0.9", NUD_STALE, kMac), now);
  mirror.FinishDump(false);
  EXPECT_EQ(rib.state.size(), 2u) << "a dump with gaps removes nothing";
  mirror.FinishDump(true);
  EXPECT_EQ(rib.state.size(), 1u);
}

TEST_F(NeighborMirrorTest, PortThatGoesTakesItsNeighbours) {
  mirror.Apply(PortIndex(0), Message("10.0.0.7", NUD_REACHABLE, kMac), now);
  mirror.Apply(kLan, Message("10.0.0.8", NUD_REACHABLE, kMac), now);
  mirror.Apply(kLan, Message("fe80::8", NUD_REACHABLE, kMac), now);
  mirror.RemovePort(kLan);
  EXPECT_EQ(rib.state.size(), 1u);
  EXPECT_TRUE(rib.state.contains("10.0.0.7"));
}

}  // namespace
}  // namespace flyover::router
