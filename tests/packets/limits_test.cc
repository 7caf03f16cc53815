// Rates, full rings, ports that are down, memory that is out, and routes that change under traffic.
#include <gtest/gtest.h>

#include "common/testing/packet_printer.h"
#include "tests/packets/lab/row.h"

namespace flyover::test {
namespace {

Bytes Transit(uint16_t id = 1) {
  return From(kP0) / Ip4{.src = kClient4, .dst = kFar4, .id = id} / Udp{} / Payload(20);
}

TEST(Limits, IcmpErrorsHaveARate) {
  LabOptions options;
  options.dataplane.icmp_errors = {.rate = 1, .burst = 5, .per_source = {.rate = 1000}};
  PathLab lab(options);
  for (int i = 0; i < 40; ++i) {
    lab.Send(kP0, From(kP0) / Ip4{.src = kClient4, .dst = kFar4, .ttl = 1} / Udp{});
  }
  const Outcome outcome = lab.Settle();
  EXPECT_GE(outcome.sent.size(), 5u);
  EXPECT_LE(outcome.sent.size(), 6u);
  EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{DropReason::kTtlExpired, 40}}));
  const auto time_exceeded = static_cast<size_t>(router::IcmpErrorType::kTimeExceeded);
  const router::IcmpLimiter& limiter = lab.lcore(0).router().icmp_errors;
  EXPECT_EQ(limiter.sent()[time_exceeded], outcome.sent.size());
  EXPECT_EQ(limiter.limited()[time_exceeded], 40 - outcome.sent.size());
  lab.CheckAtRest();
}

TEST(Limits, AFloodOfOnePuntClassLeavesTheOthersAlone) {
  LabOptions options;
  options.dataplane.punt_rate = {50, 50'000, 50'000, 50'000};
  PathLab lab(options);
  const Arp arp{.op = 1, .sha = kClientMac, .spa = kClient4, .tpa = "10.1.0.1"};
  for (int i = 0; i < 500; ++i) {
    lab.Send(kP0, Eth{.dst = kBroadcastMac, .src = kClientMac} / arp);
    if (i % 50 == 0)
      lab.Send(kP0, From(kP0) / Ip4{.src = kClient4, .dst = "10.1.0.1"} / Tcp{.dport = 179});
  }
  Outcome outcome = lab.Settle();
  EXPECT_EQ(outcome.punts[PuntReason::kRoutingProtocol], 10u);
  EXPECT_LE(outcome.punts[PuntReason::kArp], 30u);
  EXPECT_EQ(outcome.punts[PuntReason::kArp] + outcome.drops[DropReason::kPuntPoliced], 500u);
  lab.ExpectCanaryPasses();
  lab.CheckAtRest();
}

TEST(Limits, AFullDeviceDropsByNameAndHarmsNoOtherPort) {
  LabOptions options;
  options.tx_ring_size = 32;  // holds 31
  PathLab lab(options);
  for (uint16_t i = 0; i < 100; ++i) lab.Send(kP0, Transit(i));
  lab.Send(kP1, From(kP1) / Ip4{.src = kFar4, .dst = kClient4} / Udp{});
  Outcome outcome = lab.Settle();
  EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{DropReason::kTxFull, 100 - 31}}));
  EXPECT_EQ(outcome.sent.size(), 31u + 1);
  EXPECT_EQ(std::count_if(outcome.sent.begin(), outcome.sent.end(),
                          [](const SentFrame& f) { return f.port == kP0; }),
            1);
  lab.ExpectCanaryPasses();
  lab.CheckAtRest();
}

TEST(Limits, APortThatIsDownGetsNothing) {
  PathLab lab;
  const Bytes frame = Transit();
  lab.SetPort(kP1, kMtus[kP1], false);
  const Outcome down = lab.Pass(kP0, frame);
  EXPECT_TRUE(down.drops.contains(DropReason::kNoRoute)) << down.ToString();
  for (const SentFrame& sent : down.sent) EXPECT_EQ(sent.port, kP0) << "an ICMP error at most";
  lab.SetPort(kP1, kMtus[kP1], true);
  lab.ExpectCanaryPasses();
  lab.CheckAtRest();
}

TEST(Limits, AnMtuThatChangesCountsAtOnce) {
  PathLab lab;
  const Bytes frame = From(kP0) / Ip4{.src = kClient4, .dst = kFar4, .df = true} / Payload(1380);
  EXPECT_EQ(lab.Pass(kP0, frame).drops.size(), 0u);
  lab.SetPort(kP1, 1399, true);
  const Outcome outcome = lab.Pass(kP0, frame);
  EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{DropReason::kMtuExceeded, 1}}));
  ASSERT_EQ(outcome.sent.size(), 1u);
  const Bytes want = Icmp4Error(To(kP0), "10.1.0.1", 3, 4, 1399, frame);
  EXPECT_EQ(Difference(WithoutFreeFields(want), WithoutFreeFields(outcome.sent[0].bytes)), "");
  lab.CheckAtRest();
}

// The longest route wins until it goes, then the next longest, at last nothing.
TEST(Limits, RoutesThatGoLeaveTheNextLongest) {
  PathLab lab;
  const Bytes frame = From(kP0) / Ip4{.src = kClient4, .dst = "10.20.1.1"} / Udp{};
  const Bytes frame6 = From(kP0) / Ip6{.src = kClient6, .dst = "2001:db8:20:1::3"} / Udp{};
  const auto expect_port = [&](const Bytes& in, unsigned port) {
    const Outcome outcome = lab.Pass(kP0, in);
    ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
    EXPECT_EQ(outcome.sent[0].port, port);
  };
  const auto remove = [&](const char* prefix) {
    ASSERT_TRUE(lab.rib().main().RemoveRoute(*IpPrefix::Parse(prefix), 0).ok()) << prefix;
  };
  expect_port(frame, kP3);
  remove("10.20.1.1/32");
  expect_port(frame, kP2);
  remove("10.20.1.0/24");
  expect_port(frame, kP1);
  remove("10.20.0.0/16");
  Outcome none = lab.Pass(kP0, frame);
  EXPECT_EQ(none.drops, (std::map<DropReason, uint64_t>{{DropReason::kNoRoute, 1}}));
  expect_port(frame6, kP1);
  remove("2001:db8:20:1::3/128");
  expect_port(frame6, kP3);
  remove("2001:db8:20:1::2/127");
  expect_port(frame6, kP2);
  remove("2001:db8:20:1::/64");
  expect_port(frame6, kP1);
  lab.CheckAtRest();
}

// Between any two packets the next hop changes: each goes to the old or the new one, whole.
TEST(Limits, ARouteThatFlapsUnderTrafficLosesNothing) {
  PathLab lab;
  constexpr int kChanges = 2000;
  for (int i = 0; i < kChanges; ++i) {
    const bool first = i % 2 == 0;
    router::RibRoute route;
    route.prefix = *IpPrefix::Parse("10.9.0.0/16");
    route.nexthops = {{.gateway = IpAddress::Parse(first ? "10.3.0.2" : "10.4.0.2"),
                       .port = PortIndex(static_cast<uint8_t>(first ? kP2 : kP3))}};
    for (uint16_t n = 0; n < 4; ++n) lab.Send(kP0, Transit(n));
    if (i % 3 == 0) lab.lcore(0).RunOnce();
    ASSERT_TRUE(lab.rib().main().UpsertRoute(route).ok());
    const Outcome outcome = lab.Settle();
    ASSERT_EQ(outcome.sent.size(), 4u) << outcome.ToString();
    for (uint16_t n = 0; n < 4; ++n) {
      const SentFrame& sent = outcome.sent[n];
      if (i > 0 || i % 3 != 0) {
        ASSERT_TRUE(sent.port == kP2 || sent.port == kP3);
      }
      ASSERT_EQ(sent.bytes, Routed(Transit(n), To(sent.port)));
    }
    lab.dataplane().qsbr().Reclaim();
  }
  lab.CheckAtRest();
}

TEST(Limits, WithoutMemoryPacketsThatNeedACopyAreDroppedByName) {
  PathLab lab;
  lab.Send(kP0, Transit(), {Layout::kPlain, 20});
  lab.Send(kP0, Transit());
  lab.Send(kP0, From(kP0) / Ip4{.src = kClient4, .dst = kFar4, .ttl = 1} / Udp{});
  std::vector<rte_mbuf*> all;
  while (rte_mbuf* const m = rte_pktmbuf_alloc(lab.dataplane().pool())) all.push_back(m);
  const Outcome outcome = lab.Settle();
  EXPECT_EQ(outcome.sent.size(), 1u) << "what needs no memory passes\n" << outcome.ToString();
  EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{DropReason::kNoMemory, 1},
                                                           {DropReason::kTtlExpired, 1}}));
  for (rte_mbuf* const m : all) rte_pktmbuf_free(m);
  lab.ExpectCanaryPasses();
  lab.CheckAtRest();
}

TEST(Limits, AnnouncementsLeaveAsTheyAre) {
  PathLab lab;
  const Bytes frame = Eth{.dst = kBroadcastMac, .src = PortMac(kP2)} /
                      Arp{.op = 1, .sha = PortMac(kP2), .spa = kVip44, .tpa = kVip44};
  ASSERT_TRUE(
      lab.dataplane().Announce(PortIndex(kP2), frame.data(), static_cast<uint16_t>(frame.size())));
  const Outcome outcome = lab.Settle();
  ASSERT_EQ(outcome.sent.size(), 1u);
  EXPECT_EQ(outcome.sent[0], (SentFrame{kP2, frame}));
  // Too long for a buffer.
  const Bytes huge(3000);
  EXPECT_FALSE(lab.dataplane().Announce(PortIndex(kP2), huge.data(), 3000));
  lab.CheckAtRest();
}

}  // namespace
}  // namespace flyover::test
