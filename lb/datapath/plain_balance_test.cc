// A packet that plain_balance takes must leave as it would leave stages 5 to 8; of those that it
// does not take nothing may be touched.
#include "lb/datapath/plain_balance.h"

#include <gtest/gtest.h>

#include <random>

#include "common/net/headers.h"
#include "lb/datapath/test_bed.h"

namespace flyover::lb {
namespace {

struct Ways {
  TestBed plain;
  TestBed one_by_one;
  Ways() { one_by_one.plain_balance = false; }
  template <typename Do>
  void Both(Do&& act) {
    act(plain);
    act(one_by_one);
  }
};

// Two services of either VIP by `forward`, one that is not plain, and a VIP inside a prefix.
LbConfig Config(ForwardMode forward, IpFamily family) {
  LbConfig config = TwoBackends(forward, family);
  ServiceConfig by_source = config.services[0];
  by_source.name = "by_source";
  by_source.ports = PortRange::One(81);
  by_source.affinity = Affinity::kSource;
  config.services.push_back(by_source);
  ServiceConfig range = config.services[1];
  range.name = "range";
  range.ports = PortRange{100, 200};
  config.services.push_back(range);
  ServiceConfig prefix = config.services[0];
  prefix.name = "prefix";
  prefix.vips = {*IpPrefix::Parse("192.0.2.0/24"), *IpPrefix::Parse("2001:db8:100::/64")};
  config.services.push_back(prefix);
  ServiceConfig clamped = config.services[0];
  clamped.name = "clamped";
  clamped.ports = PortRange::One(82);
  clamped.tcp_mss = 1200;
  config.services.push_back(clamped);
  config.services[0].backends[1].mtu = 1400;
  return config;
}

Bytes RandomPacket(std::mt19937_64& random) {
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  const bool v6 = one_in(2);
  const bool tcp = one_in(2);
  const auto client = 1 + random() % 20;
  const char* const vips4[] = {"192.0.2.1", "192.0.2.7", "10.9.0.1"};
  const char* const vips6[] = {"2001:db8:100::1", "2001:db8:100::7", "2001:db8:9::1"};
  const size_t vip = one_in(3) ? 1 + random() % 2 : 0;
  const IpAddress dst = Ip(v6 ? vips6[vip] : vips4[vip]);
  const std::string last = std::to_string(client);
  const IpAddress src = one_in(40) ? dst : Ip(((v6 ? "2001:db8:1::" : "10.1.0.") + last).c_str());
  const uint16_t ports[] = {80, 81, 82, 150, 9};
  const uint16_t port = one_in(3) ? ports[random() % 5] : 80;
  const auto src_port = static_cast<uint16_t>(1000 + random() % 50);
  const uint8_t flags[] = {0x10, 0x02, 0x12, 0x11, 0x04, 0x00, 0x18};
  Bytes l4 = tcp ? TcpSegment(src_port, port, flags[random() % 7], random() % 100)
                 : UdpDatagram(src_port, port, random() % 100);
  if (one_in(20)) l4[tcp ? 12 : 5] = static_cast<uint8_t>(random());  // its own length
  IpFields fields;
  fields.protocol = tcp ? kProtoTcp : kProtoUdp;
  fields.traffic_class = static_cast<uint8_t>(random());
  fields.ttl = static_cast<uint8_t>(random() % 3 == 0 ? random() % 2 : 64);
  if (one_in(2)) fields.ipv4_fragment = kIpv4DontFragment;
  if (!v6 && one_in(30)) fields.ipv4_fragment = kIpv4MoreFragments;
  if (!v6 && one_in(30)) fields.between = {1, 1, 1, 1};
  return IpPacket(src, dst, fields, l4);
}

Layout RandomLayout(std::mt19937_64& random) {
  Layout layout;
  if (random() % 10 == 0) layout.headroom = static_cast<uint16_t>(random() % 60);
  if (random() % 10 == 0) layout.padding = static_cast<uint16_t>(random() % 20);
  if (random() % 10 == 0) layout.segments = {static_cast<uint16_t>(100 + random() % 50)};
  return layout;
}

void ExpectAlike(Ways& ways, const IndexList& a, const IndexList& b) {
  ASSERT_EQ(a.size, b.size);
  for (unsigned i = 0; i < a.size; ++i) {
    const PacketMeta& x = ways.plain.burst.meta[i];
    const PacketMeta& y = ways.one_by_one.burst.meta[i];
    // The meta first: what is read of the packet hangs on it.
    ASSERT_EQ(x.flags, y.flags);
    ASSERT_EQ(x.l3_offset, y.l3_offset);
    ASSERT_EQ(x.l3_length, y.l3_length);
    EXPECT_EQ(x.l4_offset, y.l4_offset);
    EXPECT_EQ(x.overhead, y.overhead);
    EXPECT_EQ(x.overhead != 0 ? x.path_mtu : 0, y.overhead != 0 ? y.path_mtu : 0);
    EXPECT_EQ(x.protocol, y.protocol);
    EXPECT_EQ(x.lookup_v6, y.lookup_v6);
    EXPECT_TRUE(
        std::equal(x.lookup.begin(), x.lookup.begin() + (x.lookup_v6 ? 16 : 4), y.lookup.begin()));
    EXPECT_EQ(x.flow_hash, y.flow_hash);
    EXPECT_EQ(x.vrf, y.vrf);
    EXPECT_EQ(x.source, y.source);
    EXPECT_EQ(x.in_port, y.in_port);
    Bytes one = ways.plain.ReadL3(i), other = ways.one_by_one.ReadL3(i);
    // What may be fragmented has a number of its own, in the order of the packets: the two ways
    // differ in it, and so in the checksum.
    if ((x.flags & (kOriginated | kIpv6)) == kOriginated && x.overhead != 0) {
      for (Bytes* bytes : {&one, &other})
        (*bytes)[4] = (*bytes)[5] = (*bytes)[10] = (*bytes)[11] = 0;
    }
    EXPECT_EQ(one, other);
  }
}

using Row = std::tuple<ForwardMode, IpFamily>;
class PlainBalanceTest : public testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Ways, PlainBalanceTest,
                         testing::Combine(testing::Values(ForwardMode::kL2dsr, ForwardMode::kIpip,
                                                          ForwardMode::kGre),
                                          testing::Values(IpFamily::kIpv4, IpFamily::kIpv6)));

TEST_P(PlainBalanceTest, DecidesAsTheStagesDo) {
  const LbConfig config = Config(std::get<0>(GetParam()), std::get<1>(GetParam()));
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Ways ways;
  ways.Both([&](TestBed& bed) { bed.Apply(config); });
  for (unsigned round = 0; round < 400; ++round) {
    if (round == 200) {
      // From now on tables are kept, and entries made; later entries only.
      LbConfig changed = config;
      changed.services[0].backends[0].weight = 10;
      changed.services[1].backends[1].weight = 50;
      ways.Both([&](TestBed& bed) { bed.Apply(changed); });
    }
    if (round == 300) {
      ways.Both([&](TestBed& bed) {
        bed.manager->Tick(bed.now + std::chrono::minutes(6));
        EXPECT_EQ(bed.table().Service(ServiceId(0)).previous.size(), 0u);
        EXPECT_GT(bed.lcores[0]->connections->occupancy(), 0u);
      });
    }
    for (unsigned i = 0; i < 32; ++i) {
      const Bytes packet = RandomPacket(random);
      const Layout layout = RandomLayout(random);
      ways.Both([&](TestBed& bed) { bed.Add(packet, layout); });
    }
    const IndexList a = ways.plain.Run();
    const IndexList b = ways.one_by_one.Run();
    ExpectAlike(ways, a, b);
    if (HasFatalFailure()) return;
    ways.Both([](TestBed& bed) { bed.Clear(); });
  }
  LbLcore& x = *ways.plain.lcores[0];
  LbLcore& y = *ways.one_by_one.lcores[0];
  for (const char* service : {"tcp", "udp", "by_source", "range", "prefix", "clamped"}) {
    for (const char* backend : {"b1", "b2"}) {
      const BackendInfo one = ways.plain.Info(service, backend);
      const BackendInfo other = ways.one_by_one.Info(service, backend);
      EXPECT_EQ(one.totals, other.totals) << service << backend;
    }
  }
  for (size_t s = 0; s < ways.plain.manager->Services().size(); ++s) {
    EXPECT_EQ(ways.plain.manager->Services()[s].totals,
              ways.one_by_one.manager->Services()[s].totals);
  }
  EXPECT_EQ(x.connections->occupancy(), y.connections->occupancy());
  EXPECT_EQ(x.connections->inserts(), y.connections->inserts());
  for (size_t r = 0; r < kDropReasonCount; ++r) {
    EXPECT_EQ(ways.plain.Drops(static_cast<DropReason>(r)),
              ways.one_by_one.Drops(static_cast<DropReason>(r)));
  }
}

// Of a burst, packets that are not plain are shown to the watch after those that are; so here all
// are.
TEST_P(PlainBalanceTest, ShowsHandshakesToTheWatch) {
  const LbConfig config = TwoBackends(std::get<0>(GetParam()), std::get<1>(GetParam()));
  Ways ways;
  ways.Both([&](TestBed& bed) { bed.Apply(config); });
  uint64_t answered = 0;
  for (uint16_t port = 1000; port < 1200; ++port) {
    for (const uint8_t flags : {uint8_t{0x02}, uint8_t{0x10}, uint8_t{0x18}}) {
      ways.Both([&](TestBed& bed) {
        bed.Add(TcpPacket("10.1.0.9", port, "192.0.2.1", 80, flags));
        bed.Add(TcpPacket("2001:db8:1::9", port, "2001:db8:100::1", 80, flags));
        bed.Run();
        bed.Clear();
      });
    }
  }
  for (const char* backend : {"b1", "b2"}) {
    const HandshakeTotals totals = ways.plain.Info("tcp", backend).handshakes;
    EXPECT_EQ(totals, ways.one_by_one.Info("tcp", backend).handshakes);
    answered += totals.answered();
  }
  EXPECT_GT(answered, 20u);
}

// Nearly all packets of such services are plain: else nothing above was compared.
TEST_P(PlainBalanceTest, TakesWhatIsPlain) {
  const ForwardMode forward = std::get<0>(GetParam());
  TestBed bed;
  bed.Apply(TwoBackends(forward, std::get<1>(GetParam())));
  for (uint16_t port = 1000; port < 1020; ++port) {
    bed.Add(TcpPacket("10.1.0.9", port, "192.0.2.1", 80));
    bed.Add(TcpPacket("2001:db8:1::9", port, "2001:db8:100::1", 80, 0x02));
    bed.Add(TcpPacket("10.1.0.9", port, "10.9.0.1", 80));
  }
  PlainBalanceEdges out;
  PlainBalance(*bed.context, *bed.lcores[0], bed.table(), bed.burst, bed.All(), out);
  EXPECT_EQ(out.route.size, forward == ForwardMode::kGre ? 20 : 60);
  EXPECT_EQ(out.others.size, forward == ForwardMode::kGre ? 40 : 0);
}

}  // namespace
}  // namespace flyover::lb
