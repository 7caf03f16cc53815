// What survives which change: flows of both protocols and families run on while services change and
// while forged packets come in. A flow is broken when its packets reach two backends.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "common/net/headers.h"
#include "lb/datapath/test_bed.h"

namespace flyover::lb {
namespace {

// Pairs of flows (one of each family), TCP and UDP by turns. FLYOVER_SURVIVAL_FLOWS asks for more.
unsigned FlowPairs() {
  const char* const wanted = std::getenv("FLYOVER_SURVIVAL_FLOWS");
  return wanted != nullptr ? static_cast<unsigned>(std::atoi(wanted)) / 2 : 300;
}

struct Flow {
  bool v6;
  bool udp;
  uint16_t port;
  uint16_t host;
  BackendId backend{0xffff};
};

class SurvivalTest : public testing::Test {
 protected:
  SurvivalTest() {
    for (ServiceConfig& service : config_.services) {
      for (unsigned i = 3; i <= 8; ++i) {
        service.backends.push_back({"b" + std::to_string(i), Backend(i), 100});
      }
    }
    Use();
    for (unsigned i = 0; i < FlowPairs(); ++i) {
      for (const bool v6 : {false, true}) {
        flows_.push_back({v6, i % 2 == 1, static_cast<uint16_t>(10'000 + i % 50'000),
                          static_cast<uint16_t>(1 + i / 50'000)});
      }
    }
  }
  static IpAddress Backend(unsigned i) { return Ip(("10.2.0." + std::to_string(10 + i)).c_str()); }

  void Use() { bed_.Apply(config_); }
  ServiceConfig& Tcp() { return config_.services[0]; }
  ServiceConfig& Udp() { return config_.services[1]; }

  static Bytes PacketOf(const Flow& flow, uint8_t tcp_flags) {
    IpFields fields;
    fields.protocol = flow.udp ? kProtoUdp : kProtoTcp;
    const std::string host = std::to_string(flow.host);
    return IpPacket(
        Ip((flow.v6 ? "2001:db8:1::" + host : "10.1.0." + host).c_str()),
        Ip(flow.v6 ? "2001:db8:100::1" : "192.0.2.1"), fields,
        flow.udp ? UdpDatagram(flow.port, 80, 8) : TcpSegment(flow.port, 80, tcp_flags));
  }

  // Sends a packet of each flow of `flows`; counts those that reach another backend than before.
  unsigned Send(std::vector<Flow>& flows, uint8_t tcp_flags) {
    unsigned broken = 0;
    for (size_t first = 0; first < flows.size(); first += kMaxBurst) {
      const size_t n = std::min<size_t>(kMaxBurst, flows.size() - first);
      for (size_t i = 0; i < n; ++i) bed_.Add(PacketOf(flows[first + i], tcp_flags));
      const IndexList out = bed_.Run();
      EXPECT_EQ(out.size, n) << "dropped";
      if (out.size != n) return 1;
      for (size_t i = 0; i < n; ++i) {
        Flow& flow = flows[first + i];
        const BackendId now(bed_.burst.meta[i].backend);
        broken += flow.backend != BackendId(0xffff) && flow.backend != now;
        flow.backend = now;
      }
      bed_.Clear();
    }
    return broken;
  }
  // Every flow opens and has exchanged something.
  void Open() {
    EXPECT_EQ(Send(flows_, kTcpSyn), 0u);
    EXPECT_EQ(Send(flows_, kTcpAck), 0u);
  }
  unsigned GoOn() {
    const unsigned broken = Send(flows_, kTcpAck);
    return broken + Send(flows_, kTcpAck);
  }

  // As many forged packets, each of a flow of its own.
  void Flood(unsigned packets, bool udp, uint8_t tcp_flags) {
    std::vector<Flow> forged;
    for (unsigned i = 0; i < packets; ++i) {
      forged.push_back({random_() % 2 == 0, udp, static_cast<uint16_t>(random_()),
                        static_cast<uint16_t>(2 + random_() % 250)});
    }
    Send(forged, tcp_flags);
  }

  void WaitSeconds(unsigned seconds) {
    bed_.context->set_now(bed_.context->now() + seconds * bed_.context->tsc_hz());
    bed_.now += std::chrono::seconds(seconds);
    bed_.manager->Tick(bed_.now);
  }
  const ConnectionTable& Entries() const { return *bed_.lcores[0]->connections; }

  // One change of every kind, in turn.
  void Change(unsigned step) {
    for (ServiceConfig* const service : {&Tcp(), &Udp()}) {
      std::vector<BackendConfig>& backends = service->backends;
      const auto extra = std::find_if(backends.begin(), backends.end(),
                                      [](const auto& b) { return b.name == "extra"; });
      switch (step % 6) {
        case 0:
          if (extra == backends.end()) backends.push_back({"extra", Ip("10.2.0.99"), 100});
          break;
        case 1:
          backends[step % 8].weight = 0;
          break;
        case 2:
          backends[step % 8].weight = static_cast<uint16_t>(20 + 10 * (step % 17));
          break;
        case 3:
          std::reverse(backends.begin(), backends.end());
          break;
        case 4:
          for (BackendConfig& backend : backends) {
            if (backend.weight == 0) backend.weight = 100;
          }
          break;
        default:
          break;  // the same document once more
      }
    }
    if (step % 7 == 0) {
      ServiceConfig another = Tcp();
      another.name = "another" + std::to_string(step);
      another.ports = PortRange::One(static_cast<uint16_t>(1000 + step));
      config_.services.push_back(another);
    }
    Use();
  }

  TestBed bed_;
  LbConfig config_ = TwoBackends(ForwardMode::kIpip, IpFamily::kIpv4);
  std::vector<Flow> flows_;
  std::mt19937_64 random_{kTestSeed};
};

TEST_F(SurvivalTest, NoFlowMovesOverAHundredReloads) {
  Open();
  unsigned broken = 0;
  for (unsigned step = 0; step < 100; ++step) {
    Change(step);
    WaitSeconds(1);
    broken += GoOn();
  }
  EXPECT_EQ(broken, 0u);
  EXPECT_EQ(Entries().evictions(), 0u);
}

TEST_F(SurvivalTest, NoEstablishedFlowMovesUnderASynFloodWhileThingsChange) {
  Open();
  unsigned broken = 0;
  for (unsigned step = 0; step < 24; ++step) {
    Change(step);
    WaitSeconds(1);
    Flood(3 * kTestCapacity, false, kTcpSyn);
    broken += GoOn();
  }
  EXPECT_EQ(broken, 0u);
  EXPECT_GT(Entries().evictions(), 0u) << "the flood was no match";
}

TEST_F(SurvivalTest, NoEstablishedTcpFlowMovesUnderAUdpFloodWhileThingsChange) {
  std::erase_if(flows_, [](const Flow& flow) { return flow.udp; });
  Open();
  unsigned broken = 0;
  for (unsigned step = 0; step < 12; ++step) {
    Change(step);
    WaitSeconds(1);
    Flood(3 * kTestCapacity, true, 0);
    broken += GoOn();
  }
  EXPECT_EQ(broken, 0u);
}

TEST_F(SurvivalTest, NoFlowMovesWhenTheTableIsResized) {
  Open();
  unsigned broken = 0;
  for (const uint32_t size : {4093u, 131'071u, 251u}) {
    Tcp().table_size = Udp().table_size = size;
    Use();
    WaitSeconds(1);
    broken += GoOn();
  }
  EXPECT_EQ(broken, 0u);
}

TEST_F(SurvivalTest, ASteadyTableRemembersNothing) {
  Open();
  Flood(20'000, false, kTcpSyn);
  Flood(20'000, false, kTcpAck);
  Flood(20'000, true, 0);
  EXPECT_EQ(GoOn(), 0u);
  EXPECT_EQ(Entries().inserts(), 0u);
  EXPECT_EQ(Entries().occupancy(), 0u);
}

TEST_F(SurvivalTest, AfterTheWindowAFloodLeavesNothingAgain) {
  Open();
  Change(0);
  EXPECT_EQ(GoOn(), 0u);
  EXPECT_EQ(bed_.manager->Services()[0].kept_tables, 1u);
  for (unsigned i = 0; i < 21; ++i) {
    WaitSeconds(15);
    EXPECT_EQ(GoOn(), 0u) << i;  // remembered where the present table would move them
  }
  EXPECT_EQ(bed_.manager->Services()[0].kept_tables, 0u);
  const uint64_t inserts = Entries().inserts();
  const uint64_t occupancy = Entries().occupancy();
  Flood(20'000, false, kTcpSyn);
  Flood(20'000, true, 0);
  EXPECT_EQ(Entries().inserts(), inserts);
  EXPECT_EQ(Entries().occupancy(), occupancy);
  EXPECT_EQ(GoOn(), 0u);
}

// The bound that docs/loadbalancing.md states: who is silent for the whole window may move, and
// then only if the change moves its slot.
TEST_F(SurvivalTest, AFlowThatIsSilentForTheWindowFollowsThePresentTable) {
  std::erase_if(flows_, [](const Flow& flow) { return flow.udp; });
  Open();
  Change(0);
  WaitSeconds(299);
  auto lively = flows_;
  EXPECT_EQ(Send(lively, kTcpAck), 0u);
  WaitSeconds(310);  // all that was remembered has timed out, and so has the table before
  const BackendId extra = bed_.IdOf("tcp", "extra");
  auto after = flows_;
  const unsigned moved = Send(after, kTcpAck);
  unsigned elsewhere = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    elsewhere += after[i].backend != flows_[i].backend && after[i].backend != extra;
  }
  EXPECT_GT(moved, 0u);
  EXPECT_NEAR(moved / static_cast<double>(flows_.size()), 1 / 9.0, 0.06);
  EXPECT_LE(elsewhere, flows_.size() / 50);
}

// Two packets of one flow in one burst: the second must see what the first left.
TEST_F(SurvivalTest, TheHandshakeMayComeInOneBurst) {
  Open();
  Change(0);
  for (uint16_t port = 100; port < 400; ++port) {
    const Flow flow{false, false, port, 77};
    bed_.Add(PacketOf(flow, kTcpSyn));
    bed_.Add(PacketOf(flow, kTcpAck));
    ASSERT_EQ(bed_.Run().size, 2);
    EXPECT_EQ(bed_.burst.meta[0].backend, bed_.burst.meta[1].backend);
    bed_.Clear();
  }
}

TEST_F(SurvivalTest, ResetsAreNotRemembered) {
  Open();
  Change(0);
  Flood(2000, false, kTcpRst);
  Flood(2000, false, kTcpFin | kTcpAck);
  EXPECT_EQ(Entries().inserts(), 0u);
}

}  // namespace
}  // namespace flyover::lb
