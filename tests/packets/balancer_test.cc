// What a single packet cannot show: flows, shares, and changes of the backends.
#include <gtest/gtest.h>

#include <set>

#include "common/testing/packet_printer.h"
#include "tests/packets/lab/row.h"

namespace flyover::test {
namespace {

Bytes Segment(const char* vip, uint16_t sport, uint8_t flags = 0x10) {
  if (std::string(vip).find(':') != std::string::npos) {
    return From(kP0) / Ip6{.src = kClient6, .dst = vip} / Tcp{.sport = sport, .flags = flags};
  }
  return From(kP0) / Ip4{.src = kClient4, .dst = vip} / Tcp{.sport = sport, .flags = flags};
}

class BalancerTest : public ::testing::Test {
 protected:
  void TearDown() override { lab_.CheckAtRest(); }
  // Which of the backends 11 to 14 gets it; 0: none.
  unsigned BackendOf(const Bytes& frame) {
    const Outcome outcome = lab_.Pass(kP0, frame);
    return outcome.sent.size() == 1 && outcome.sent[0].port == kP1 ? outcome.sent[0].bytes[5] : 0;
  }
  std::vector<unsigned> BackendsOf(const char* vip, unsigned flows, uint16_t first = 10'000,
                                   uint8_t flags = 0x10) {
    std::vector<unsigned> backends;
    for (unsigned i = 0; i < flows; ++i) {
      backends.push_back(BackendOf(Segment(vip, static_cast<uint16_t>(first + i), flags)));
    }
    return backends;
  }
  static int Count(const std::vector<unsigned>& backends, unsigned n) {
    return static_cast<int>(std::count(backends.begin(), backends.end(), n));
  }

  PathLab lab_;
};

TEST_F(BalancerTest, FlowsSpreadOverTheBackendsInEveryMode) {
  for (const char* vip : {kVipDsr4, kVip44, kVip46, kVipDsr6, kVip66, kVip64}) {
    SCOPED_TRACE(vip);
    const std::vector<unsigned> backends = BackendsOf(vip, 2000);
    for (unsigned n = 11; n <= 14; ++n) EXPECT_NEAR(Count(backends, n), 500, 80) << n;
    EXPECT_EQ(BackendsOf(vip, 2000), backends) << "a flow stays";
  }
}

TEST_F(BalancerTest, ADrainedBackendKeepsItsFlowsAndGetsNoNewOnes) {
  const std::vector<unsigned> before = BackendsOf(kVip44, 400);
  ASSERT_TRUE(lab_.services().Drain("ipip44", "b12").ok());
  EXPECT_EQ(BackendsOf(kVip44, 400), before);
  EXPECT_EQ(Count(BackendsOf(kVip44, 400, 20'000, 0x02), 12), 0);
  // A new connection on an old 5-tuple chooses again.
  EXPECT_EQ(Count(BackendsOf(kVip44, 400, 10'000, 0x02), 12), 0);
  ASSERT_TRUE(lab_.services().Enable("ipip44", "b12").ok());
  EXPECT_GT(Count(BackendsOf(kVip44, 400, 30'000), 12), 50);
}

TEST_F(BalancerTest, FlowsStayWhenWeightsChange) {
  const std::vector<unsigned> before = BackendsOf(kVipDsr6, 400);
  ASSERT_TRUE(lab_.services().SetWeight("dsr6", "b11", 1).ok());
  EXPECT_EQ(BackendsOf(kVipDsr6, 400), before);
  EXPECT_LT(Count(BackendsOf(kVipDsr6, 400, 20'000, 0x02), 11), 20);
}

TEST_F(BalancerTest, OnlyFlowsOfARemovedBackendMove) {
  const std::vector<unsigned> before = BackendsOf(kVip66, 400);
  lb::LbConfig config = BalancerConfig();
  for (lb::ServiceConfig& service : config.services) {
    if (service.name == "ipip66") service.backends.erase(service.backends.begin());
  }
  ASSERT_TRUE(lab_.services().Apply(config, lb::ServiceManager::Clock::now(), {}).ok());
  const std::vector<unsigned> after = BackendsOf(kVip66, 400);
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] == 11) {
      EXPECT_NE(after[i], 11u);
      EXPECT_NE(after[i], 0u);
    } else {
      EXPECT_EQ(after[i], before[i]) << i;
    }
  }
}

TEST_F(BalancerTest, AVipThatGoesIsDroppedAndChoosesAlikeWhenItComesBack) {
  const std::vector<unsigned> before = BackendsOf(kVip44, 300);
  lb::LbConfig config = BalancerConfig();
  std::erase_if(config.services, [](const auto& s) { return s.name.starts_with("ipip44"); });
  ASSERT_TRUE(lab_.services().Apply(config, lb::ServiceManager::Clock::now(), {}).ok());
  Outcome gone = lab_.Pass(kP0, Segment(kVip44, 10'000));
  EXPECT_EQ(gone.drops[DropReason::kVipUnknownPort], 0u) << "no VIP any more";
  ASSERT_TRUE(lab_.services().Apply(BalancerConfig(), lb::ServiceManager::Clock::now(), {}).ok());
  EXPECT_EQ(BackendsOf(kVip44, 300), before);
}

TEST_F(BalancerTest, PortsOfOneVipHavePoolsOfTheirOwn) {
  lb::LbConfig config = BalancerConfig();
  lb::ServiceConfig tls = config.services[0];
  tls.name = "tls";
  tls.ports = lb::PortRange::One(443);
  tls.backends.resize(1);
  config.services.push_back(tls);
  ASSERT_TRUE(lab_.services().Apply(config, lb::ServiceManager::Clock::now(), {}).ok());
  for (uint16_t sport = 1000; sport < 1050; ++sport) {
    EXPECT_EQ(BackendOf(From(kP0) / Ip4{.src = kClient4, .dst = kVipDsr4} /
                        Tcp{.sport = sport, .dport = 443}),
              11u);
  }
  const std::vector<unsigned> web = BackendsOf(kVipDsr4, 100);
  EXPECT_EQ(std::set<unsigned>(web.begin(), web.end()), (std::set<unsigned>{11, 12, 13, 14}));
}

TEST_F(BalancerTest, ASourceStaysWithOneBackend) {
  lb::LbConfig config = BalancerConfig();
  for (lb::ServiceConfig& service : config.services) service.affinity = lb::Affinity::kSource;
  ASSERT_TRUE(lab_.services().Apply(config, lb::ServiceManager::Clock::now(), {}).ok());
  std::set<unsigned> used;
  for (unsigned host = 2; host < 60; ++host) {
    for (const bool v6 : {false, true}) {
      std::set<unsigned> seen;
      for (uint16_t sport = 1000; sport < 1004; ++sport) {
        const Bytes frame =
            v6 ? From(kP0) / Ip6{.src = "2001:db8:1::" + std::to_string(host), .dst = kVip66} /
                     Tcp{.sport = sport}
               : From(kP0) / Ip4{.src = "10.1.0." + std::to_string(host), .dst = kVip44} /
                     Tcp{.sport = sport};
        seen.insert(BackendOf(frame));
      }
      EXPECT_EQ(seen.size(), 1u) << host;
      used.insert(seen.begin(), seen.end());
    }
  }
  EXPECT_EQ(used, (std::set<unsigned>{11, 12, 13, 14}));
}

TEST_F(BalancerTest, OnlyASynOpensAConnection) {
  const lb::ServiceId id = lab_.services().Services()[0].id;
  const auto made = [&] { return lab_.lcore(0).lb().counters.service(id).Load().new_connections; };
  uint64_t before = made();
  uint16_t sport = 50'000;
  // Nothing, FIN, RST, PSH, ACK, FIN ACK, RST ACK, SYN ACK, SYN FIN, FIN PSH URG (xmas), all.
  for (const uint8_t flags : std::initializer_list<uint8_t>{0x00, 0x01, 0x04, 0x08, 0x10, 0x11,
                                                            0x14, 0x12, 0x03, 0x29, 0xff}) {
    EXPECT_NE(BackendOf(Segment(kVipDsr4, ++sport, flags)), 0u) << "judged by the backend";
    EXPECT_EQ(made(), before) << int{flags};
  }
  for (const uint8_t flags : std::initializer_list<uint8_t>{0x02, 0x0a, 0xc2}) {
    EXPECT_NE(BackendOf(Segment(kVipDsr4, ++sport, flags)), 0u);
    EXPECT_EQ(made(), ++before) << int{flags};
  }
}

TEST_F(BalancerTest, ASynLeavesNothingButACount) {
  const lb::ServiceId id = lab_.services().Services()[0].id;
  const auto made = [&] { return lab_.lcore(0).lb().counters.service(id).Load().new_connections; };
  const uint64_t before = made();
  for (int i = 0; i < 100; ++i) lab_.Send(kP0, Segment(kVipDsr4, 55'555, 0x02));
  EXPECT_EQ(lab_.Settle().sent.size(), 100u);
  EXPECT_EQ(made(), before + 100);
  EXPECT_EQ(lab_.lcore(0).lb().connections->inserts(), 0u);
}

// A VIP may be an address of the kernel too (for BGP): the kernel never sees the service's packets.
TEST_F(BalancerTest, AVipThatTheKernelHasIsStillTheServices) {
  router::RibRoute local;
  local.prefix = *IpPrefix::Parse(std::string(kVipDsr4) + "/32");
  local.action = router::NexthopAction::kLocal;
  ASSERT_TRUE(lab_.rib().main().UpsertRoute(local).ok());
  EXPECT_NE(BackendOf(Segment(kVipDsr4, 4000, 0x02)), 0u);
  const Outcome echo = lab_.Pass(kP0, From(kP0) / Ip4{.src = kClient4, .dst = kVipDsr4} / Icmp{});
  EXPECT_TRUE(echo.punted.empty());
  EXPECT_EQ(echo.sent.size(), 1u);
  const Outcome other =
      lab_.Pass(kP0, From(kP0) / Ip4{.src = kClient4, .dst = kVipDsr4} / Tcp{.dport = 179});
  EXPECT_TRUE(other.punted.empty()) << "nor any other: it would answer with a reset";
  EXPECT_EQ(other.drops, (std::map<DropReason, uint64_t>{{DropReason::kVipUnknownPort, 1}}));
}

TEST_F(BalancerTest, TheOuterFlowLabelIsTheFlows) {
  std::set<uint32_t> labels;
  for (uint16_t sport = 1; sport <= 200; ++sport) {
    std::optional<uint32_t> label;
    for (int again = 0; again < 3; ++again) {
      const Outcome outcome = lab_.Pass(kP0, Segment(kVip46, sport));
      ASSERT_EQ(outcome.sent.size(), 1u);
      const Bytes& b = outcome.sent[0].bytes;
      const uint32_t got = (b[15] & 15u) << 16 | b[16] << 8 | b[17];
      EXPECT_EQ(got, label.value_or(got));
      label = got;
    }
    labels.insert(*label);
  }
  EXPECT_GT(labels.size(), 195u) << "20 bits of 200 flows";
}

TEST_F(BalancerTest, OuterIdentificationCountsWhereRoutersMayFragment) {
  std::set<int> ids;
  for (uint16_t i = 0; i < 100; ++i) {
    const Outcome outcome = lab_.Pass(kP0, Segment(kVip44, 1234));
    ASSERT_EQ(outcome.sent.size(), 1u);
    ids.insert(outcome.sent[0].bytes[18] << 8 | outcome.sent[0].bytes[19]);
  }
  EXPECT_EQ(ids.size(), 100u) << "RFC 6864 4.1";
}

TEST_F(BalancerTest, IcmpErrorsFollowTheirFlow) {
  for (uint16_t sport = 3000; sport < 3100; ++sport) {
    const unsigned backend = BackendOf(Segment(kVipDsr4, sport, 0x02));
    ASSERT_NE(backend, 0u);
    for (const char* router : {"198.51.100.7", "203.0.113.9"}) {
      const Outcome error = lab_.Pass(kP1, From(kP1) / Ip4{.src = router, .dst = kVipDsr4} /
                                               Icmp{.type = 3, .code = 4, .rest = 1400} /
                                               Ip4{.src = kVipDsr4, .dst = kClient4} /
                                               Tcp{.sport = 80, .dport = sport});
      ASSERT_EQ(error.sent.size(), 1u) << error.ToString();
      EXPECT_EQ(error.sent[0].bytes[5], backend);
    }
  }
}

TEST_F(BalancerTest, CountersHoldPacketsAndBytesOfTheClients) {
  const lb::ServiceId id = lab_.services().Services()[2].id;  // ipip44
  const lb::FlowTotals before = lab_.lcore(0).lb().counters.service(id).Load();
  const Bytes frame = Segment(kVip44, 777);
  for (int i = 0; i < 10; ++i) lab_.Pass(kP0, Join(frame, Bytes(6)));
  lb::FlowTotals after = lab_.lcore(0).lb().counters.service(id).Load();
  after -= before;
  EXPECT_EQ(after.packets, 10u);
  EXPECT_EQ(after.bytes, 10 * (frame.size() - 14)) << "neither padding nor outer header";
}

}  // namespace
}  // namespace flyover::test
