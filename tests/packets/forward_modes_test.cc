// The ways to a backend through the real path, as a table: every encapsulation in every pair of
// families, what is too long for it, and L3DSR. lb/datapath's tests look at the headers' bytes;
// here it is where packets go, and what clients are told.
#include <gtest/gtest.h>

#include "common/testing/packet_printer.h"
#include "tests/packets/lab/row.h"

namespace flyover::test {
namespace {

constexpr char kVip4[] = "192.0.2.40";
constexpr char kVip6[] = "2001:db8:100::40";

struct Mode {
  const char* name;
  lb::ForwardMode forward;
  uint8_t gue_variant;
  size_t shim;  // bytes between the outer IP header and the inner one
};
constexpr std::array<Mode, 4> kModes = {{
    {"Ipip", lb::ForwardMode::kIpip, 0, 0},
    {"Gre", lb::ForwardMode::kGre, 0, 4},
    {"Gue0", lb::ForwardMode::kGue, 0, 12},
    {"Gue1", lb::ForwardMode::kGue, 1, 8},
}};

struct Way {
  Mode mode;
  bool inner6;
  bool outer6;
  size_t overhead() const { return (outer6 ? 40 : 20) + mode.shim; }
  const char* vip() const { return inner6 ? kVip6 : kVip4; }
};

std::vector<Way> Ways() {
  std::vector<Way> ways;
  for (const Mode& mode : kModes) {
    for (const bool inner6 : {false, true}) {
      for (const bool outer6 : {false, true}) ways.push_back({mode, inner6, outer6});
    }
  }
  return ways;
}

lb::ServiceConfig ServiceFor(const char* vip, bool v6_backends) {
  lb::ServiceConfig service;
  service.name = "web";
  service.vips = {*IpAddress::Parse(vip)};
  service.ports = lb::PortRange::One(80);
  service.source = {IpAddress::Parse(kTunnel4)->v4(), IpAddress::Parse(kTunnel6)->v6()};
  for (unsigned n = 11; n <= 14; ++n) {
    lb::BackendConfig backend;
    backend.name = "b" + std::to_string(n);
    backend.address = *IpAddress::Parse(v6_backends ? Backend6(n) : Backend4(n));
    service.backends.push_back(backend);
  }
  return service;
}

Bytes L3(const SentFrame& frame) { return {frame.bytes.begin() + 14, frame.bytes.end()}; }

class ForwardModes : public testing::TestWithParam<Way> {
 protected:
  void TearDown() override { lab_.CheckAtRest(); }
  void Apply(const lb::ServiceConfig& service) {
    lb::LbConfig config;
    config.services = {service};
    ASSERT_TRUE(lab_.services().Apply(config, lb::ServiceManager::Clock::now(), {}).ok());
  }
  lb::ServiceConfig Service() const {
    const Way& way = GetParam();
    lb::ServiceConfig service = ServiceFor(way.vip(), way.outer6);
    service.forward = way.mode.forward;
    service.gue.variant = way.mode.gue_variant;
    return service;
  }
  // An IP packet of so many bytes to the VIP.
  Bytes Frame(size_t length, bool df = false, uint16_t sport = 40'000) const {
    if (GetParam().inner6) {
      return From(kP0) / Ip6{.src = kClient6, .dst = kVip6} / Tcp{.sport = sport} /
             Payload(length - 60);
    }
    return From(kP0) / Ip4{.src = kClient4, .dst = kVip4, .df = df} / Tcp{.sport = sport} /
           Payload(length - 40);
  }
  // What the client hears of a frame that is too long.
  Bytes Error(const Bytes& frame, uint16_t mtu) const {
    return GetParam().inner6 ? Icmp6Error(To(kP0), kVip6, 2, 0, mtu, frame)
                             : Icmp4Error(To(kP0), kVip4, 3, 4, mtu, frame);
  }
  void ExpectRefused(const Bytes& frame, size_t mtu) {
    const Outcome outcome = lab_.Pass(kP0, frame);
    EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{DropReason::kMtuExceeded, 1}}));
    ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
    EXPECT_EQ(outcome.sent[0].port, kP0);
    EXPECT_EQ(WithoutFreeFields(outcome.sent[0].bytes),
              WithoutFreeFields(Error(frame, static_cast<uint16_t>(mtu))));
  }

  PathLab lab_;
};

TEST_P(ForwardModes, TheLongestThatFitsArrivesWhole) {
  Apply(Service());
  const size_t longest = 1500 - GetParam().overhead();
  for (const size_t length : {size_t{60}, size_t{600}, longest}) {
    const Bytes frame = Frame(length);
    const Outcome outcome = lab_.Pass(kP0, frame);
    ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
    EXPECT_EQ(outcome.sent[0].port, kP1);
    const Bytes outer = L3(outcome.sent[0]);
    ASSERT_EQ(outer.size(), length + GetParam().overhead());
    EXPECT_EQ(outer[0] >> 4, GetParam().outer6 ? 6 : 4);
    EXPECT_EQ(Bytes(outer.begin() + static_cast<long>(GetParam().overhead()), outer.end()),
              L3Of(frame));
  }
}

TEST_P(ForwardModes, OneByteMoreIsRefusedWithTheMtuThatIsLeft) {
  Apply(Service());
  const size_t longest = 1500 - GetParam().overhead();
  ExpectRefused(Frame(longest + 1), longest);
  ExpectRefused(Frame(1500, true), longest);
}

TEST_P(ForwardModes, TheBackendsMtuCountsWhereItIsSmaller) {
  for (const uint16_t mtu : {uint16_t{1400}, uint16_t{9000}}) {
    lb::ServiceConfig service = Service();
    for (lb::BackendConfig& backend : service.backends) backend.mtu = mtu;
    Apply(service);
    const size_t longest = std::min<size_t>(mtu, 1500) - GetParam().overhead();
    EXPECT_EQ(lab_.Pass(kP0, Frame(longest)).sent.size(), 1u);
    ExpectRefused(Frame(longest + 1), longest);
  }
}

// An IPv6 packet is cut by its source only, so there the answer stays ICMP.
TEST_P(ForwardModes, WhatMayBeCutIsCut) {
  for (const uint16_t mtu : {uint16_t{0}, uint16_t{1300}}) {
    lb::ServiceConfig service = Service();
    service.fragment = true;
    for (lb::BackendConfig& backend : service.backends) backend.mtu = mtu;
    Apply(service);
    const size_t way = mtu == 0 ? 1500 : mtu;
    const Bytes frame = Frame(1500, true);
    if (GetParam().outer6) {
      ExpectRefused(frame, way - GetParam().overhead());
      continue;
    }
    const Outcome outcome = lab_.Pass(kP0, frame);
    ASSERT_EQ(outcome.sent.size(), 2u) << outcome.ToString();
    Bytes payload;
    for (const SentFrame& piece : outcome.sent) {
      const Bytes l3 = L3(piece);
      EXPECT_EQ(piece.port, kP1);
      EXPECT_LE(l3.size(), way);
      EXPECT_EQ((l3[6] << 8 | l3[7]) & 0x4000, 0) << "DF";
      EXPECT_EQ(InternetChecksum(Cut(l3, 20)), 0);
      payload.insert(payload.end(), l3.begin() + 20, l3.end());
    }
    EXPECT_EQ(Bytes(payload.begin() + static_cast<long>(GetParam().mode.shim), payload.end()),
              L3Of(frame));
  }
}

// A router behind the gateway says that less gets through: the next packet that is too long earns
// its client the MTU that is left.
TEST_P(ForwardModes, WhatARouterSaysIsToldToTheClient) {
  lb::ServiceConfig service = Service();
  service.backends.resize(1);
  Apply(service);
  const Bytes frame = Frame(1400);
  const Outcome first = lab_.Pass(kP0, frame);
  ASSERT_EQ(first.sent.size(), 1u);
  const Bytes quote = Cut(L3(first.sent[0]), 300);
  const Bytes error = GetParam().outer6 ? From(kP1) / Ip6{.src = "2001:db8:2::2", .dst = kTunnel6} /
                                              Icmp{.type = 2, .rest = 1350, .v6 = true} / Raw{quote}
                                        : From(kP1) / Ip4{.src = "10.2.0.2", .dst = kTunnel4} /
                                              Icmp{.type = 3, .code = 4, .rest = 1350} / Raw{quote};
  lab_.Pass(kP1, error);  // no route leads to the source here
  const size_t longest = 1350 - GetParam().overhead();
  ExpectRefused(frame, longest);
  EXPECT_EQ(lab_.Pass(kP0, Frame(longest)).sent.size(), 1u);
}

// The pieces wait for a neighbour like any packet; the inner header is in the first only.
TEST_P(ForwardModes, PiecesWaitForANeighbour) {
  if (GetParam().outer6) return;
  lb::ServiceConfig service = Service();
  service.fragment = true;
  service.backends.resize(1);
  service.backends[0].address = *IpAddress::Parse("10.30.0.1");  // its gateway is unknown
  Apply(service);
  EXPECT_TRUE(lab_.Pass(kP0, Frame(1500)).sent.empty());
  lab_.rib().SetNeighbor(PortIndex(kP1), *IpAddress::Parse("10.2.0.77"),
                         MacAddress{BackendMac(77)});
  const Outcome outcome = lab_.Settle();
  EXPECT_EQ(outcome.sent.size(), 2u) << outcome.ToString();
}

INSTANTIATE_TEST_SUITE_P(Tunnels, ForwardModes, testing::ValuesIn(Ways()), [](const auto& row) {
  return std::string(row.param.mode.name) + (row.param.inner6 ? "_6in" : "_4in") +
         (row.param.outer6 ? "6" : "4");
});

class L3dsr : public testing::TestWithParam<bool> {};

TEST_P(L3dsr, GoesWhereTheBackendIsWithTheVipsDscp) {
  const bool v6 = GetParam();
  PathLab lab;
  lb::ServiceConfig service = ServiceFor(v6 ? kVip6 : kVip4, v6);
  service.forward = lb::ForwardMode::kL3dsr;
  service.dscp = 9;
  service.backends.resize(1);
  service.backends[0].address = *IpAddress::Parse(v6 ? kFar6 : kFar4);  // behind a gateway
  lb::LbConfig config;
  config.services = {service};
  ASSERT_TRUE(lab.services().Apply(config, lb::ServiceManager::Clock::now(), {}).ok());
  const Tcp tcp{.sport = 1000};
  const Bytes in = v6 ? From(kP0) / Ip6{.src = kClient6, .dst = kVip6, .traffic_class = 3} / tcp
                      : From(kP0) / Ip4{.src = kClient4, .dst = kVip4, .tos = 3} / tcp;
  // The same packet, as if it had been sent to the backend: TTL and all.
  const Bytes out = v6 ? To(kP1) / Ip6{.src = kClient6, .dst = kFar6, .traffic_class = 39} / tcp
                       : To(kP1) / Ip4{.src = kClient4, .dst = kFar4, .tos = 39} / tcp;
  const Outcome outcome = lab.Pass(kP0, in);
  ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
  EXPECT_EQ(outcome.sent[0].port, kP1);
  EXPECT_EQ(outcome.sent[0].bytes, out) << outcome.ToString();
  lab.CheckAtRest();
}

INSTANTIATE_TEST_SUITE_P(Families, L3dsr, testing::Bool(),
                         [](const auto& row) { return row.param ? "IPv6" : "IPv4"; });

}  // namespace
}  // namespace flyover::test
