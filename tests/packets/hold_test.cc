// Packets whose neighbour is not resolved: held, asked for once, released in order, bounded
// (RFC 1812 3.3.2, RFC 4861 7.2.2, RFC 6583).
#include <gtest/gtest.h>

#include "common/testing/packet_printer.h"
#include "router/datapath/hold_table.h"
#include "tests/packets/lab/row.h"

namespace flyover::test {
namespace {

constexpr unsigned kPerTarget = router::HoldTable::kPerTarget;
constexpr Mac kNewMac = {0x02, 0, 0, 0, 0x04, 0x50};
constexpr PortIndex kPort1{1};

Bytes Packet4(const std::string& dst, uint16_t id, uint8_t ttl = 64) {
  return From(kP0) / Ip4{.src = kClient4, .dst = dst, .id = id, .ttl = ttl} / Udp{} / Payload(40);
}
Bytes Packet6(const std::string& dst, uint16_t sport) {
  return From(kP0) / Ip6{.src = kClient6, .dst = dst} / Udp{.sport = sport} / Payload(40);
}
Eth ToNew() { return {.dst = kNewMac, .src = PortMac(kP1)}; }
IpAddress Address(const char* text) { return *IpAddress::Parse(text); }

class HoldTest : public ::testing::Test {
 protected:
  void TearDown() override {
    lab_.CheckAtRest();
    lab_.ExpectCanaryPasses();
  }
  void Resolve(const char* address) {
    lab_.rib().SetNeighbor(kPort1, Address(address), MacAddress{kNewMac});
  }
  void ExpectHeld(const Outcome& outcome, uint64_t held) {
    EXPECT_TRUE(outcome.sent.empty() && outcome.drops.empty()) << outcome.ToString();
    EXPECT_EQ(lab_.Held()[kP0], held);
  }

  PathLab lab_;
};

struct TargetCase {
  const char* name;
  const char* destination;
  const char* neighbor;
};
class HoldTargetTest : public HoldTest, public ::testing::WithParamInterface<TargetCase> {};

// The packet of every form waits and then leaves as if it had not.
TEST_P(HoldTargetTest, IsAskedForAndDeliveredAfterTheAnswer) {
  const bool v6 = Address(GetParam().neighbor).is_v6();
  for (const Form& form : AllForms()) {
    SCOPED_TRACE(form.Name());
    const Bytes frame =
        v6 ? Packet6(GetParam().destination, 1) : Packet4(GetParam().destination, 1, 2);
    const Outcome held = lab_.Pass(kP0, frame, form);
    ExpectHeld(held, 1);
    ASSERT_EQ(held.resolves.size(), 1u);
    EXPECT_EQ(held.resolves[0].address, Address(GetParam().neighbor));
    EXPECT_EQ(held.resolves[0].port, kPort1);
    Resolve(GetParam().neighbor);
    const Outcome released = lab_.Settle();
    ASSERT_EQ(released.sent.size(), 1u) << released.ToString();
    EXPECT_EQ(released.sent[0].port, kP1);
    EXPECT_EQ(Difference(Routed(frame, ToNew()), released.sent[0].bytes), "");
    lab_.rib().RemoveNeighbor(kPort1, Address(GetParam().neighbor));
    lab_.CheckAtRest();
  }
}

TEST_P(HoldTargetTest, IsUnreachableWhenTheNeighbourDoesNotAnswer) {
  const bool v6 = Address(GetParam().neighbor).is_v6();
  const Bytes frame = v6 ? Packet6(GetParam().destination, 1) : Packet4(GetParam().destination, 1);
  ExpectHeld(lab_.Pass(kP0, frame), 1);
  lab_.rib().SetNeighborFailed(kPort1, Address(GetParam().neighbor));
  const Outcome outcome = lab_.Settle();
  EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{DropReason::kHostUnreachable, 1}}));
  ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
  EXPECT_EQ(outcome.sent[0].port, kP0);
  const Bytes& error = outcome.sent[0].bytes;
  EXPECT_EQ(WhatIsWrongWith(error), std::nullopt);
  const size_t icmp = v6 ? 54 : 34;
  EXPECT_EQ(error[icmp], v6 ? 1 : 3);
  EXPECT_EQ(error[icmp + 1], v6 ? 3 : 1);
}

INSTANTIATE_TEST_SUITE_P(
    Targets, HoldTargetTest,
    ::testing::Values(TargetCase{"OnLink4", "10.2.0.50", "10.2.0.50"},
                      TargetCase{"OnLink6", "2001:db8:2::50", "2001:db8:2::50"},
                      TargetCase{"Gateway4", "10.30.0.1", "10.2.0.77"},
                      TargetCase{"Gateway6", "2001:db8:30::1", "2001:db8:2::77"}),
    [](const auto& row) { return row.param.name; });

TEST_F(HoldTest, KeepsTheLatestInOrderAndCountsTheOthers) {
  constexpr unsigned kSent = kPerTarget + 4;
  for (uint16_t id = 0; id < kSent; ++id) lab_.Send(kP0, Packet4("10.2.0.50", id));
  const Outcome held = lab_.Settle();
  EXPECT_EQ(held.drops, (std::map<DropReason, uint64_t>{{DropReason::kHoldFull, 4}}));
  EXPECT_EQ(held.resolves.size(), 1u) << "asked once, not once a packet";
  EXPECT_EQ(lab_.Held()[kP0], kPerTarget);
  Resolve("10.2.0.50");
  const Outcome released = lab_.Settle();
  ASSERT_EQ(released.sent.size(), kPerTarget);
  for (uint16_t i = 0; i < kPerTarget; ++i) {
    const Bytes want = Routed(Packet4("10.2.0.50", static_cast<uint16_t>(4 + i)), ToNew());
    EXPECT_EQ(Difference(want, released.sent[i].bytes), "") << i;
  }
}

TEST_F(HoldTest, AScanIsBoundedAndHarmsNobody) {
  constexpr unsigned kHosts = 150;
  Outcome outcome;
  for (unsigned host = 0; host < kHosts; ++host) {
    lab_.Send(kP0, Packet4("10.2.0." + std::to_string(100 + host), 1));
  }
  outcome = lab_.Settle();
  EXPECT_EQ(lab_.Held()[kP0], router::HoldTable::kMaxTargets);
  EXPECT_EQ(outcome.drops[DropReason::kHoldFull], kHosts - router::HoldTable::kMaxTargets);
  EXPECT_LE(outcome.resolves.size(), router::HoldTable::kMaxTargets);
  EXPECT_TRUE(outcome.sent.empty()) << "no storm of ICMP errors";
  lab_.ExpectCanaryPasses();
  for (unsigned host = 0; host < kHosts; ++host) {
    Resolve(("10.2.0." + std::to_string(100 + host)).c_str());
  }
  EXPECT_EQ(lab_.Settle().sent.size(), router::HoldTable::kMaxTargets);
}

TEST_F(HoldTest, FollowsARouteThatChanges) {
  const Bytes frame = Packet4("10.30.0.1", 1);
  ExpectHeld(lab_.Pass(kP0, frame), 1);
  router::RibRoute route;
  route.prefix = *IpPrefix::Parse("10.30.0.0/16");
  route.nexthops = {{.gateway = Address("10.3.0.2"), .port = PortIndex(2)}};
  ASSERT_TRUE(lab_.rib().main().UpsertRoute(route).ok());
  // Any change of a neighbour makes lcores look again; so does time.
  lab_.rib().SetNeighbor(kPort1, Address("10.2.0.99"), MacAddress{kNewMac});
  const Outcome outcome = lab_.Settle();
  ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
  EXPECT_EQ(outcome.sent[0].port, kP2);
  EXPECT_EQ(Difference(Routed(frame, To(kP2)), outcome.sent[0].bytes), "");
}

TEST_F(HoldTest, OnlyThePathThatIsUnresolvedWaits) {
  router::RibRoute route;
  route.prefix = *IpPrefix::Parse("10.60.0.0/16");
  route.nexthops = {{.gateway = Address("10.2.0.77"), .port = kPort1},
                    {.gateway = Address("10.3.0.2"), .port = PortIndex(2)}};
  ASSERT_TRUE(lab_.rib().main().UpsertRoute(route).ok());
  constexpr unsigned kFlows = 24;
  for (unsigned i = 0; i < kFlows; ++i) {
    lab_.Send(kP0, Packet4("10.60.0." + std::to_string(i), 1));
  }
  const Outcome first = lab_.Settle();
  const uint64_t held = lab_.Held()[kP0];
  EXPECT_GT(held, 0u);
  EXPECT_GT(first.sent.size(), 0u);
  for (const SentFrame& frame : first.sent) EXPECT_EQ(frame.port, kP2);
  Resolve("10.2.0.77");
  const Outcome second = lab_.Settle();
  EXPECT_EQ(second.sent.size(), held);
  for (const SentFrame& frame : second.sent) EXPECT_EQ(frame.port, kP1);
  const auto full = first.drops.find(DropReason::kHoldFull);
  EXPECT_EQ(first.sent.size() + held + (full == first.drops.end() ? 0 : full->second), kFlows);
}

TEST_F(HoldTest, ABackendThatIsUnknownIsWaitedFor) {
  for (unsigned n = 11; n <= 14; ++n) {
    lab_.rib().RemoveNeighbor(kPort1, Address(Backend4(n).c_str()));
  }
  for (const char* vip : {kVipDsr4, kVip44}) {
    SCOPED_TRACE(vip);
    const Bytes frame = From(kP0) / Ip4{.src = kClient4, .dst = vip} / Tcp{};
    const Outcome held = lab_.Pass(kP0, frame);
    ExpectHeld(held, 1);
    ASSERT_EQ(held.resolves.size(), 1u);
    lab_.rib().SetNeighbor(kPort1, held.resolves[0].address, MacAddress{kNewMac});
    const Outcome released = lab_.Settle();
    ASSERT_EQ(released.sent.size(), 1u) << released.ToString();
    const Bytes& sent = released.sent[0].bytes;
    EXPECT_EQ(WhatIsWrongWith(sent), std::nullopt);
    const Bytes inner(sent.end() - static_cast<long>(L3Of(frame).size()), sent.end());
    EXPECT_EQ(inner, L3Of(frame)) << "the client's packet is untouched";
    lab_.rib().RemoveNeighbor(kPort1, held.resolves[0].address);
  }
}

TEST_F(HoldTest, TheEndOfTheDaemonDropsWhatWaitsByName) {
  PathLab lab;
  lab.Send(kP0, Packet4("10.2.0.50", 1));
  lab.Send(kP0, Packet6("2001:db8:2::50", 1));
  lab.Settle();
  const Outcome outcome = lab.Drain();
  EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{DropReason::kShutdown, 2}}));
  lab.CheckAtRest();
}

}  // namespace
}  // namespace flyover::test
