// Affinity through the balancer's stages: who goes where, and what a change does to running flows.
#include <gtest/gtest.h>

#include <set>

#include "common/net/headers.h"
#include "lb/datapath/test_bed.h"

namespace flyover::lb {
namespace {

constexpr IpFamily k4 = IpFamily::kIpv4;

struct Client {
  unsigned host;
  uint16_t port;
};

class AffinityPath : public testing::TestWithParam<bool> {
 protected:
  static bool v6() { return GetParam(); }
  // TCP and UDP services with the same eight backends.
  static LbConfig Config(Affinity affinity, unsigned backends = 8) {
    LbConfig config = TwoBackends(ForwardMode::kIpip, k4);
    for (ServiceConfig& service : config.services) {
      service.affinity = affinity;
      service.backends.clear();
      for (unsigned n = 1; n <= backends; ++n) {
        const std::string number = std::to_string(n);
        service.backends.push_back({"b" + number, Ip(("10.2.0." + number).c_str())});
      }
    }
    return config;
  }
  static std::string Source(unsigned host) {
    return v6() ? "2001:db8:" + std::to_string(host / 250) + "::" + std::to_string(host % 250)
                : "10.1." + std::to_string(host / 250) + "." + std::to_string(1 + host % 250);
  }
  static Bytes Packet(Client client, uint8_t protocol, uint8_t flags) {
    IpFields fields;
    fields.protocol = protocol;
    return IpPacket(Ip(Source(client.host).c_str()), Ip(v6() ? "2001:db8:100::1" : "192.0.2.1"),
                    fields,
                    protocol == kProtoTcp ? TcpSegment(client.port, 80, flags)
                                          : UdpDatagram(client.port, 80, 8));
  }
  // The backend's address, as it is found in the outer header; none: 0.
  uint32_t BackendOf(Client client, uint8_t protocol = kProtoTcp, uint8_t flags = kTcpAck) {
    const unsigned i = bed_.Add(Packet(client, protocol, flags));
    const uint32_t address = bed_.Run().size == 1 ? LoadBe32(&bed_.ReadL3(i)[16]) : 0;
    bed_.Clear();
    return address;
  }

  TestBed bed_;
};
INSTANTIATE_TEST_SUITE_P(Families, AffinityPath, testing::Bool(),
                         [](const auto& row) { return row.param ? "IPv6" : "IPv4"; });

TEST_P(AffinityPath, FlowsOfOneSourceSpread) {
  bed_.Apply(Config(Affinity::kFlow));
  std::set<uint32_t> seen;
  for (uint16_t port = 1; port <= 100; ++port) seen.insert(BackendOf({1, port}));
  EXPECT_EQ(seen.size(), 8u);
}

TEST_P(AffinityPath, ASourceStaysWithOneBackendInBothProtocols) {
  bed_.Apply(Config(Affinity::kSource));
  std::set<uint32_t> all;
  for (unsigned host = 0; host < 100; ++host) {
    std::set<uint32_t> seen;
    for (uint16_t port = 1; port <= 5; ++port) {
      seen.insert(BackendOf({host, port}));
      seen.insert(BackendOf({host, port}, kProtoUdp));
    }
    EXPECT_EQ(seen.size(), 1u) << host;
    all.insert(seen.begin(), seen.end());
  }
  EXPECT_EQ(all.size(), 8u);
}

TEST_P(AffinityPath, APrefixStaysWithOneBackend) {
  LbConfig config = Config(Affinity::kSourcePrefix);
  for (ServiceConfig& service : config.services) service.affinity_prefix = {24, 48};
  bed_.Apply(config);
  std::set<uint32_t> all;
  for (unsigned net = 0; net < 60; ++net) {
    std::set<uint32_t> seen;
    for (unsigned host = 0; host < 5; ++host) {
      seen.insert(BackendOf({250 * net + host, static_cast<uint16_t>(host + 1)}));
    }
    EXPECT_EQ(seen.size(), 1u) << net;
    all.insert(seen.begin(), seen.end());
  }
  EXPECT_EQ(all.size(), 8u);
}

TEST_P(AffinityPath, PacketsOfOneUdpFlowSpreadAndLeaveNothing) {
  bed_.Apply(Config(Affinity::kPacket));
  bed_.Apply(Config(Affinity::kPacket, 7));  // also in a change window
  std::set<uint32_t> seen;
  for (unsigned n = 0; n < 200; ++n) seen.insert(BackendOf({1, 1000}, kProtoUdp));
  EXPECT_EQ(seen.size(), 7u) << "the backend that went gets none";
  EXPECT_EQ(bed_.lcores[0]->connections->inserts(), 0u);
}

// Two flows of one source that began under different tables keep different backends.
TEST_P(AffinityPath, RunningFlowsOutliveEveryChange) {
  struct Running {
    Client client;
    uint8_t protocol;
    uint32_t backend;
  };
  std::vector<Running> running;
  const auto open = [&](uint16_t port) {
    for (unsigned host = 0; host < 60; ++host) {
      for (const uint8_t protocol : {kProtoTcp, kProtoUdp}) {
        const Client client{host, port};
        if (protocol == kProtoTcp) BackendOf(client, protocol, kTcpSyn);
        running.push_back({client, protocol, BackendOf(client, protocol)});
      }
    }
  };
  uint16_t port = 1000;
  bed_.Apply(Config(Affinity::kFlow));
  open(port);
  unsigned broken = 0;
  unsigned backends = 8;
  for (const Affinity affinity : {Affinity::kSource, Affinity::kSourcePrefix, Affinity::kFlow,
                                  Affinity::kSourceAndPort, Affinity::kSource}) {
    for (int step = 0; step < 3; ++step) {
      bed_.Apply(Config(affinity, backends++));
      for (const Running& flow : running) {
        broken += BackendOf(flow.client, flow.protocol) != flow.backend;
      }
      open(++port);
    }
  }
  EXPECT_EQ(broken, 0u) << running.size() << " flows";
  EXPECT_GT(bed_.lcores[0]->connections->inserts(), 0u);
}

TEST_P(AffinityPath, ADrainedBackendGetsNoNewFlowsOfItsSources) {
  bed_.Apply(Config(Affinity::kSource));
  const uint32_t drained = LoadBe32(Ip("10.2.0.3").data());
  std::vector<Client> its;
  for (unsigned host = 0; host < 200; ++host) {
    if (BackendOf({host, 1}) == drained) its.push_back({host, 1});
  }
  ASSERT_FALSE(its.empty());
  ASSERT_TRUE(bed_.manager->Drain("tcp", "b3").ok());
  for (const Client& client : its) {
    EXPECT_EQ(BackendOf(client), drained) << "runs on";
    EXPECT_NE(BackendOf({client.host, 2}, kProtoTcp, kTcpSyn), drained);
  }
}

}  // namespace
}  // namespace flyover::lb
