// service_lookup, connection_lookup and backend_select together: where a flow goes, and stays.
#include <gtest/gtest.h>

#include <map>

#include "common/net/headers.h"
#include "lb/datapath/service_lookup.h"
#include "lb/datapath/test_bed.h"

namespace flyover::lb {
namespace {

constexpr const char* kClient4 = "10.1.0.2";
constexpr const char* kClient6 = "2001:db8:1::2";
constexpr const char* kVip4 = "192.0.2.1";
constexpr const char* kVip6 = "2001:db8:100::1";

Bytes WithPayload(uint8_t protocol, const Bytes& payload, bool v6 = false) {
  IpFields fields;
  fields.protocol = protocol;
  return IpPacket(Ip(v6 ? kClient6 : kClient4), Ip(v6 ? kVip6 : kVip4), fields, payload);
}
Bytes Edited(Bytes bytes, size_t at, uint8_t value) {
  bytes[at] = value;
  return bytes;
}

enum class Edge { kBalance, kRoute, kRouteAsVip, kDrop };

struct LookupCase {
  const char* name;
  Bytes packet;
  Edge edge;
  DropReason reason = DropReason::kCount;
};
class ServiceLookupTest : public testing::TestWithParam<LookupCase> {};

TEST_P(ServiceLookupTest, TakesItsEdge) {
  const LookupCase& row = GetParam();
  TestBed bed;
  bed.Apply(TwoBackends(ForwardMode::kIpip, IpFamily::kIpv4));
  const unsigned i = bed.Add(row.packet);
  ServiceEdges out;
  ServiceLookup(*bed.context, *bed.lcores[0], bed.published.Load(), bed.burst, bed.All(), out);
  EXPECT_EQ(out.balance.size, row.edge == Edge::kBalance);
  EXPECT_EQ(out.route.size, row.edge == Edge::kRoute || row.edge == Edge::kRouteAsVip);
  EXPECT_EQ((bed.burst.meta[i].flags & kVip) != 0, row.edge != Edge::kRoute);
  EXPECT_EQ(bed.AllDrops(), row.edge == Edge::kDrop ? 1u : 0u);
  if (row.edge == Edge::kDrop) {
    EXPECT_EQ(bed.Drops(row.reason), 1u);
    bed.burst.size = 0;  // the sink has it
  }
}

IpFields Fragment(uint16_t fragment) {
  IpFields fields;
  fields.ipv4_fragment = fragment;
  return fields;
}
IpFields Ipv6Fragment(uint16_t offset_more) {
  IpFields fields;
  fields.ipv6_next = kProtoFragment;
  fields.between = {
      kProtoTcp, 0, static_cast<uint8_t>(offset_more >> 8), static_cast<uint8_t>(offset_more), 0, 0,
      0,         9};
  return fields;
}

INSTANTIATE_TEST_SUITE_P(
    All, ServiceLookupTest,
    testing::ValuesIn<LookupCase>({
        {"Tcp4", TcpPacket(kClient4, 1, kVip4, 80), Edge::kBalance},
        {"Tcp6", TcpPacket(kClient6, 1, kVip6, 80), Edge::kBalance},
        {"Udp4", WithPayload(kProtoUdp, UdpDatagram(1, 80, 10)), Edge::kBalance},
        {"Udp6", WithPayload(kProtoUdp, UdpDatagram(1, 80, 0), true), Edge::kBalance},
        {"OtherAddress4", TcpPacket(kClient4, 1, "192.0.2.2", 80), Edge::kRoute},
        {"OtherAddress6", TcpPacket(kClient6, 1, "2001:db8:100::2", 80), Edge::kRoute},
        // A backend's direct reply: its source is the VIP, its way is any packet's.
        {"FromVip", TcpPacket(kVip4, 80, kClient4, 1), Edge::kRoute},
        {"OtherPort", TcpPacket(kClient4, 1, kVip4, 81), Edge::kRouteAsVip},
        {"OtherProtocol", WithPayload(kProtoGre, Bytes(8)), Edge::kRouteAsVip},
        {"IpipIsNotOpened", WithPayload(kProtoIpip, TcpPacket(kClient4, 1, kVip4, 80)),
         Edge::kRouteAsVip},
        {"IcmpOverIpv6", WithPayload(kProtoIcmp, Bytes(8), true), Edge::kRouteAsVip},
        {"Land4", TcpPacket(kVip4, 80, kVip4, 80), Edge::kDrop, DropReason::kVipLand},
        {"Land6", TcpPacket(kVip6, 80, kVip6, 80), Edge::kDrop, DropReason::kVipLand},
        {"FirstFragment",
         IpPacket(Ip(kClient4), Ip(kVip4), Fragment(kIpv4MoreFragments), TcpSegment(1, 80, 0)),
         Edge::kBalance},
        {"FirstFragmentWithoutPorts",
         IpPacket(Ip(kClient4), Ip(kVip4), Fragment(kIpv4MoreFragments), Bytes(16)), Edge::kDrop,
         DropReason::kVipFragment},
        {"FirstFragmentToOtherPort",
         IpPacket(Ip(kClient4), Ip(kVip4), Fragment(kIpv4MoreFragments), TcpSegment(1, 81, 0)),
         Edge::kRouteAsVip},
        {"Ipv6FirstFragment",
         IpPacket(Ip(kClient6), Ip(kVip6), Ipv6Fragment(1), TcpSegment(1, 80, 0)), Edge::kBalance},
        {"Ipv6AtomicFragmentIsWhole",
         IpPacket(Ip(kClient6), Ip(kVip6), Ipv6Fragment(0), TcpSegment(1, 80, 0)), Edge::kBalance},
        {"NoTcpAtAll", WithPayload(kProtoTcp, {}), Edge::kDrop, DropReason::kVipTruncated},
        {"TcpCutAt19", WithPayload(kProtoTcp, Bytes(19)), Edge::kDrop, DropReason::kVipTruncated},
        {"TcpDataOffset4", WithPayload(kProtoTcp, Edited(TcpSegment(1, 80, 0), 12, 4 << 4)),
         Edge::kDrop, DropReason::kVipTruncated},
        {"TcpDataOffsetBeyond", WithPayload(kProtoTcp, Edited(TcpSegment(1, 80, 0), 12, 0xf0)),
         Edge::kDrop, DropReason::kVipTruncated},
        {"TcpWithOptions", WithPayload(kProtoTcp, Edited(TcpSegment(1, 80, 0, 4), 12, 6 << 4)),
         Edge::kBalance},
        {"UdpCutAt7", WithPayload(kProtoUdp, Bytes(7)), Edge::kDrop, DropReason::kVipTruncated},
        {"UdpLengthBelowHeader", WithPayload(kProtoUdp, Edited(UdpDatagram(1, 80), 5, 7)),
         Edge::kDrop, DropReason::kVipTruncated},
        {"UdpLengthBeyondPacket", WithPayload(kProtoUdp, Edited(UdpDatagram(1, 80), 5, 9)),
         Edge::kDrop, DropReason::kVipTruncated},
    }),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ServiceLookup, NothingConfiguredRoutesAll) {
  TestBed bed;
  bed.Add(TcpPacket(kClient4, 1, kVip4, 80));
  ServiceEdges out;
  ServiceLookup(*bed.context, *bed.lcores[0], nullptr, bed.burst, bed.All(), out);
  EXPECT_EQ(out.route.size, 1);
  bed.Apply(LbConfig{});
  ServiceEdges again;
  ServiceLookup(*bed.context, *bed.lcores[0], bed.published.Load(), bed.burst, bed.All(), again);
  EXPECT_EQ(again.route.size, 1);
}

// Sends one packet of each of `flows` client ports; port -> backend that got it (by name).
class AffinityTest : public testing::Test {
 protected:
  static constexpr uint16_t kFirst = 10'000;
  AffinityTest() { Use(config_); }

  void Use(const LbConfig& config) { bed_.Apply(config); }
  ServiceConfig& Tcp() { return config_.services[0]; }
  void AddBackend() { Tcp().backends.push_back({"b3", Ip("10.2.0.13"), 100}); }

  // Flows `begin` to `flows`.
  std::map<uint16_t, std::string> Send(uint16_t flows, uint8_t flags = kTcpAck,
                                       uint16_t begin = 0) {
    std::map<uint16_t, std::string> to;
    for (uint16_t first = begin; first < flows; first = static_cast<uint16_t>(first + 50)) {
      for (uint16_t n = first; n < flows && n < first + 50; ++n) {
        bed_.Add(TcpPacket(kClient4, static_cast<uint16_t>(kFirst + n), kVip4, 80, flags));
      }
      for (const unsigned i : bed_.Run()) {
        const Bytes packet = bed_.ReadL3(i);
        const auto name = bed_.manager->NameOf(BackendId(bed_.burst.meta[i].backend));
        EXPECT_TRUE(name.has_value());
        if (name) to[LoadBe16(&packet[40])] = name->second;
      }
      bed_.Clear();
    }
    return to;
  }
  static unsigned Count(const std::map<uint16_t, std::string>& to, const std::string& name) {
    unsigned n = 0;
    for (const auto& [port, backend] : to) n += backend == name;
    return n;
  }
  void Report(const char* backend, HealthState state) { bed_.Report("tcp", backend, state); }
  void WaitSeconds(uint64_t seconds) {
    bed_.context->set_now(bed_.context->now() + seconds * bed_.context->tsc_hz());
    bed_.now += std::chrono::seconds(seconds);
    bed_.manager->Tick(bed_.now);
  }
  const ConnectionTable& Entries() const { return *bed_.lcores[0]->connections; }

  TestBed bed_;
  LbConfig config_ = TwoBackends(ForwardMode::kIpip, IpFamily::kIpv4);
};

TEST_F(AffinityTest, FlowsStayWhenABackendIsAdded) {
  const auto before = Send(1000);
  EXPECT_EQ(before.size(), 1000u);
  EXPECT_NEAR(Count(before, "b1"), 500, 80);
  AddBackend();
  Use(config_);
  EXPECT_EQ(Send(1000), before);
  // Only flows that the new table would move are remembered: a third of all.
  EXPECT_NEAR(static_cast<double>(Entries().occupancy()), 333, 80);
  // New ones find it.
  EXPECT_GT(Count(Send(2000, kTcpSyn, 1000), "b3"), 200u);
  EXPECT_EQ(bed_.manager->Services()[0].totals.new_connections, 1000u);
}

TEST_F(AffinityTest, FlowsStayWhenWeightsAreSwapped) {
  Tcp().backends[0].weight = 10;
  Use(config_);
  const auto before = Send(500);
  std::swap(Tcp().backends[0].weight, Tcp().backends[1].weight);
  Use(config_);
  EXPECT_EQ(Send(500), before);
}

TEST_F(AffinityTest, OnlyTheRemovedBackendsFlowsMove) {
  AddBackend();
  Use(config_);
  const auto before = Send(1000);
  Tcp().backends.pop_back();
  Use(config_);
  const auto after = Send(1000);
  ASSERT_EQ(after.size(), 1000u);
  for (const auto& [port, backend] : before) {
    if (backend != "b3") {
      EXPECT_EQ(after.at(port), backend);
    }
  }
  EXPECT_EQ(Count(after, "b3"), 0u);
}

TEST_F(AffinityTest, DrainedKeepsItsFlowsAndGetsNoNewOnes) {
  const auto before = Send(500);
  ASSERT_TRUE(bed_.manager->Drain("tcp", "b1").ok());
  EXPECT_EQ(Send(500), before);
  EXPECT_EQ(Count(Send(1000, kTcpSyn, 500), "b1"), 0u);
  // A SYN opens a new connection, whatever the ports were used for before.
  EXPECT_EQ(Count(Send(500, kTcpSyn), "b1"), 0u);
  EXPECT_EQ(Count(Send(500), "b1"), 0u);
  // SYN and ACK together do not open one.
  ASSERT_TRUE(bed_.manager->Enable("tcp", "b1").ok());
  EXPECT_EQ(Count(Send(500, kTcpSyn | kTcpAck), "b1"), 0u);
}

TEST_F(AffinityTest, DownKeepsItsConnectionsAndGetsNoNewOnes) {
  AddBackend();
  Use(config_);
  const auto before = Send(1000);
  Report("b1", HealthState::kDown);
  EXPECT_EQ(Send(1000), before);
  const auto after = Send(1000, kTcpSyn);
  EXPECT_EQ(Count(after, "b1"), 0u);
  for (const auto& [port, backend] : before) {
    if (backend != "b1") {
      EXPECT_EQ(after.at(port), backend);
    }
  }
  Report("b1", HealthState::kUp);
  EXPECT_EQ(Send(1000), after);  // what moved stays where it is now
  EXPECT_GT(Count(Send(2000), "b1"), 200u);
}

TEST_F(AffinityTest, WhenOneDiesTheOthersTakeWhatTheTableSays) {
  constexpr uint16_t kRunning = 15'000;
  constexpr uint16_t kNew = 50'000;
  AddBackend();
  Use(config_);
  const auto before = Send(kRunning);
  Report("b1", HealthState::kDown);
  EXPECT_EQ(Send(kRunning), before) << "running connections";
  const auto after = Send(kRunning + kNew, kTcpSyn, kRunning);
  for (const BackendInfo& info : bed_.manager->Backends()) {
    if (info.service != "tcp") continue;
    EXPECT_NEAR(Count(after, info.name) / double{kNew}, info.share, 0.01) << info.name;
    EXPECT_NEAR(info.share, info.name == "b1" ? 0 : 0.5, 0.01) << info.name;
  }
}

TEST_F(AffinityTest, NobodyLeftDropsByName) {
  Send(10);
  Report("b1", HealthState::kDown);
  Report("b2", HealthState::kDown);
  EXPECT_TRUE(Send(10, kTcpSyn).empty());
  EXPECT_EQ(bed_.Drops(DropReason::kVipNoBackend), 10u);
  EXPECT_EQ(bed_.AllDrops(), 10u);
  EXPECT_EQ(bed_.manager->Services()[0].totals.no_backend, 10u);
  Report("b2", HealthState::kUp);
  EXPECT_EQ(Count(Send(10, kTcpSyn), "b2"), 10u);
}

TEST_F(AffinityTest, SilentFlowsChooseAnew) {
  config_.connections.tcp_timeout = std::chrono::seconds(40);
  Use(config_);
  const auto before = Send(500);
  ASSERT_TRUE(bed_.manager->Drain("tcp", "b1").ok());
  WaitSeconds(40);
  EXPECT_EQ(Send(500), before);
  WaitSeconds(41);
  EXPECT_EQ(Count(Send(500), "b1"), 0u);
}

TEST_F(AffinityTest, RemovedServiceComesBackWithItsFlows) {
  AddBackend();
  Use(config_);
  const auto before = Send(300);
  const uint64_t digest = bed_.manager->Services()[0].table_digest;
  LbConfig without = config_;
  without.services.erase(without.services.begin());
  Use(without);
  bed_.Add(TcpPacket(kClient4, kFirst, kVip4, 80));
  bed_.Run();
  EXPECT_EQ(bed_.burst.meta[0].flags & (kVip | kOriginated),
            kVip);  // on to be dropped by fib_lookup
  bed_.Clear();
  Use(config_);
  EXPECT_EQ(Send(300), before);
  EXPECT_EQ(bed_.manager->Services()[0].table_digest, digest);
}

TEST_F(AffinityTest, HousekeepingForgetsSilentFlows) {
  ASSERT_TRUE(bed_.manager->Drain("tcp", "b1").ok());
  Send(1000);
  EXPECT_NEAR(static_cast<double>(Entries().occupancy()), 500, 80);
  WaitSeconds(310);
  LbLcore& lcore = *bed_.lcores[0];
  for (int loop = 0; loop < 5000; ++loop) {
    bed_.context->set_now(bed_.context->now() + bed_.context->tsc_hz() / 100);
    lcore.Housekeeping(bed_.context->now(), bed_.published.Load());
  }
  EXPECT_EQ(lcore.connections->occupancy(), 0u);
  // 50 seconds: a pass takes 10 or a little more, however often the loop runs.
  EXPECT_GE(lcore.connections->sweeps(), 3u);
  EXPECT_LE(lcore.connections->sweeps(), 5u);
}

}  // namespace
}  // namespace flyover::lb
