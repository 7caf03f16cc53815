// VRFs: ports with routes of their own, in which addresses may be those of another VRF; and leaks
// from one into another. IPv4 and IPv6 by the same tables.
#include <gtest/gtest.h>

#include <algorithm>

#include "common/testing/packet_printer.h"
#include "tests/packets/lab/row.h"

namespace flyover::test {
namespace {

enum Family { k4, k6 };
constexpr Family kFamilies[] = {k4, k6};
constexpr VrfIndex kBlue{1}, kRed{2};

// Ports by LabOptions::vlans below. Blue and red have network 101 both.
constexpr unsigned kBlue101 = 4, kBlue102 = 5, kRed101 = 6, kRed103 = 7;

LabOptions Options() {
  LabOptions options;
  options.dataplane.vrfs = {router::RouteCapacity(), router::RouteCapacity::Small(),
                            router::RouteCapacity::Small()};
  options.vlans = {{.device = kP1, .outer = 100, .network = 101, .vrf = kBlue.value()},
                   {.device = kP3, .outer = 100, .network = 102, .vrf = kBlue.value()},
                   {.device = kP1, .outer = 200, .network = 101, .vrf = kRed.value()},
                   {.device = kP3, .outer = 200, .network = 103, .vrf = kRed.value()}};
  return options;
}

std::string Host(Family family, unsigned network, unsigned host) {
  return family == k4 ? "10." + std::to_string(network) + ".0." + std::to_string(host)
                      : "2001:db8:" + std::to_string(network) + "::" + std::to_string(host);
}
IpPrefix Network(Family family, unsigned network) {
  return *IpPrefix::Parse(Host(family, network, 0) + (family == k4 ? "/24" : "/64"));
}
unsigned DeviceOf(unsigned port) {
  return port < kPorts ? port : Options().vlans[port - kPorts].device;
}
unsigned NetworkOf(unsigned port) {
  return port < kPorts ? port + 1 : Options().vlans[port - kPorts].network;
}
Mac HostMac(unsigned port) {
  if (port >= kPorts) return VlanHostMac(port - kPorts);
  return port == kP0 ? kClientMac : GatewayMac(port);
}
Bytes Tagged(const Eth& ethernet, unsigned port, const Packet& rest) {
  if (port < kPorts) return ethernet / rest;
  return ethernet / Vlan{.id = Options().vlans[port - kPorts].outer} / rest;
}
Bytes FrameFrom(unsigned port, const Packet& rest) {
  return Tagged({.dst = PortMac(DeviceOf(port)), .src = HostMac(port)}, port, rest);
}
Bytes FrameTo(unsigned port, const Packet& rest) {
  return Tagged({.dst = HostMac(port), .src = PortMac(DeviceOf(port))}, port, rest);
}
// From the host on `in` to an address.
Packet Ip(Family family, unsigned in, const std::string& dst, uint8_t ttl = 64) {
  const std::string src = Host(family, NetworkOf(in), 2);
  if (family == k4) return Ip4{.src = src, .dst = dst, .ttl = ttl};
  return Ip6{.src = src, .dst = dst, .hlim = ttl};
}

class VrfTest : public ::testing::Test {
 protected:
  // Out by `out` as it came in by `in`, with one hop less, in every mbuf form.
  void ExpectRouted(Family family, unsigned in, unsigned out, const std::string& dst) {
    const Packet rest = Udp{} / Payload(100);
    for (const Form& form : AllForms()) {
      SCOPED_TRACE(dst + " " + form.Name());
      const Outcome outcome =
          lab_.Pass(DeviceOf(in), FrameFrom(in, Ip(family, in, dst) / rest), form);
      ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
      EXPECT_EQ(outcome.sent[0].port, DeviceOf(out));
      EXPECT_EQ(Difference(FrameTo(out, Ip(family, in, dst, 63) / rest), outcome.sent[0].bytes),
                "");
    }
  }
  // Dropped for `reason`; the ICMP error, if any, goes back by `in` with `in`'s address.
  void ExpectDropped(Family family, unsigned in, const std::string& dst, DropReason reason,
                     bool error, uint8_t ttl = 64) {
    SCOPED_TRACE(dst);
    const Outcome outcome =
        lab_.Pass(DeviceOf(in), FrameFrom(in, Ip(family, in, dst, ttl) / Udp{} / Payload(20)));
    EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{reason, 1}})) << outcome.ToString();
    ASSERT_EQ(outcome.sent.size(), error ? 1u : 0u) << outcome.ToString();
    if (!error) return;
    EXPECT_EQ(outcome.sent[0].port, DeviceOf(in));
    // Behind the Ethernet header and, on a sub-interface, its tag.
    const size_t ip = in < kPorts ? 14 : 18;
    const size_t source = ip + (family == k4 ? 12 : 8);
    const Bytes& sent = outcome.sent[0].bytes;
    const Bytes wanted = AddressBytes(Host(family, NetworkOf(in), 1));
    ASSERT_GT(sent.size(), source + wanted.size());
    EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), sent.begin() + static_cast<long>(source)))
        << outcome.ToString();
    const Bytes whole = FrameTo(in, Ip(family, in, dst));
    EXPECT_TRUE(std::equal(sent.begin(), sent.begin() + static_cast<long>(ip), whole.begin()))
        << outcome.ToString();
  }
  void Leak(VrfIndex from, const std::vector<std::pair<IpPrefix, VrfIndex>>& leaks) {
    router::VrfRib::Leaks wanted(leaks.begin(), leaks.end());
    ASSERT_TRUE(lab_.rib().vrf(from).SetLeaks(wanted).ok());
  }

  PathLab lab_{Options()};
};

TEST_F(VrfTest, EachHasItsOwnRoutes) {
  for (const Family family : kFamilies) {
    ExpectRouted(family, kBlue101, kBlue102, Host(family, 102, 2));
    ExpectRouted(family, kRed103, kRed101, Host(family, 101, 2));
    ExpectRouted(family, kBlue102, kBlue101, Host(family, 101, 2));
    ExpectDropped(family, kRed101, Host(family, 102, 2), DropReason::kNoRoute, true);
    ExpectDropped(family, kBlue102, Host(family, 103, 2), DropReason::kNoRoute, true);
    ExpectDropped(family, kP0, Host(family, 101, 2), DropReason::kNoRoute, true);
    ExpectDropped(family, kBlue101, Host(family, 2, 2), DropReason::kNoRoute, true);
  }
  lab_.CheckAtRest();
}

// Both come in by one device, in one burst.
TEST_F(VrfTest, OneBurstHoldsPacketsOfSeveral) {
  for (const Family family : kFamilies) {
    const Packet rest = Udp{} / Payload(10);
    for (unsigned i = 0; i < 8; ++i) {
      lab_.Send(kP3, FrameFrom(kBlue102, Ip(family, kBlue102, Host(family, 101, 2)) / rest));
      lab_.Send(kP3, FrameFrom(kRed103, Ip(family, kRed103, Host(family, 101, 2)) / rest));
      lab_.Send(kP3, FrameFrom(kP3, Ip(family, kP3, Host(family, 1, 2)) / rest));
    }
    const Outcome outcome = lab_.Settle();
    std::map<Bytes, unsigned> sent;
    for (const SentFrame& frame : outcome.sent) ++sent[frame.bytes];
    const std::map<Bytes, unsigned> wanted = {
        {FrameTo(kBlue101, Ip(family, kBlue102, Host(family, 101, 2), 63) / rest), 8},
        {FrameTo(kRed101, Ip(family, kRed103, Host(family, 101, 2), 63) / rest), 8},
        {FrameTo(kP0, Ip(family, kP3, Host(family, 1, 2), 63) / rest), 8}};
    EXPECT_EQ(sent, wanted) << outcome.ToString();
  }
}

TEST_F(VrfTest, LeaksInBothDirections) {
  for (const Family family : kFamilies) {
    Leak(kBlue, {{Network(family, 103), kRed}, {Network(family, 1), kMainVrf}});
    Leak(kRed, {{Network(family, 102), kBlue}});
    Leak(kMainVrf, {{Network(family, 102), kBlue}});
    ExpectRouted(family, kBlue102, kRed103, Host(family, 103, 2));
    ExpectRouted(family, kRed103, kBlue102, Host(family, 102, 2));
    ExpectRouted(family, kBlue101, kP0, Host(family, 1, 2));
    ExpectRouted(family, kP0, kBlue102, Host(family, 102, 2));
    // Hops end, and errors find their sender, in the VRF that it is in.
    ExpectDropped(family, kBlue101, Host(family, 103, 2), DropReason::kTtlExpired, true, 1);
    Leak(kBlue, {});
    ExpectDropped(family, kBlue102, Host(family, 103, 2), DropReason::kNoRoute, true);
  }
  lab_.CheckAtRest();
}

TEST_F(VrfTest, ALeakLeadsNoFurther) {
  for (const Family family : kFamilies) {
    Leak(kBlue, {{Network(family, 77), kRed}, {Network(family, 103), kRed}});
    Leak(kRed, {{Network(family, 77), kBlue}});
    ExpectDropped(family, kBlue101, Host(family, 77, 2), DropReason::kVrfLoop, false);
    // The other kernel has that address; this one could not answer.
    ExpectDropped(family, kBlue101, Host(family, 103, 1), DropReason::kVrfLocal, false);
  }
}

TEST_F(VrfTest, ALeakedPacketWaitsForANeighbourOfTheOtherVrf) {
  for (const Family family : kFamilies) {
    Leak(kBlue, {{Network(family, 103), kRed}});
    const std::string dst = Host(family, 103, 9);
    const Packet rest = Udp{} / Payload(10);
    const Outcome asked = lab_.Pass(kP1, FrameFrom(kBlue101, Ip(family, kBlue101, dst) / rest));
    ASSERT_EQ(asked.resolves.size(), 1u) << asked.ToString();
    EXPECT_EQ(asked.resolves[0].port.value(), kRed103);
    EXPECT_EQ(asked.resolves[0].address, *IpAddress::Parse(dst));
    lab_.rib().SetNeighbor(PortIndex(kRed103), *IpAddress::Parse(dst),
                           MacAddress{VlanHostMac(kRed103 - kPorts)});
    const Outcome sent = lab_.Settle();
    ASSERT_EQ(sent.sent.size(), 1u) << sent.ToString();
    EXPECT_EQ(
        Difference(FrameTo(kRed103, Ip(family, kBlue101, dst, 63) / rest), sent.sent[0].bytes), "");
  }
  lab_.CheckAtRest();
}

TEST_F(VrfTest, TheReversePathIsThatOfTheVrf) {
  PortFeatures strict, loose;
  strict.urpf = ReversePathCheck::kStrict;
  loose.urpf = ReversePathCheck::kLoose;
  for (const Family family : kFamilies) {
    const Packet rest = Udp{} / Payload(10);
    const std::string dst = Host(family, 102, 2);
    const auto pass_from = [&](const std::string& src) {
      const Packet ip =
          family == k4 ? Packet(Ip4{.src = src, .dst = dst}) : Packet(Ip6{.src = src, .dst = dst});
      return lab_.Pass(kP1, FrameFrom(kBlue101, ip / rest));
    };
    lab_.SetFeatures(kBlue101, strict);
    EXPECT_EQ(pass_from(Host(family, 101, 2)).sent.size(), 1u);
    EXPECT_EQ(pass_from(Host(family, 103, 2)).drops.count(DropReason::kUrpf), 1u);
    lab_.SetFeatures(kBlue101, loose);
    EXPECT_EQ(pass_from(Host(family, 103, 2)).drops.count(DropReason::kUrpf), 1u);
    Leak(kBlue, {{Network(family, 103), kRed}});
    EXPECT_EQ(pass_from(Host(family, 103, 2)).sent.size(), 1u);
    Leak(kBlue, {});
    lab_.SetFeatures(kBlue101, {});
  }
}

// Services are those of the main VRF: elsewhere a VIP is an address like any other.
TEST_F(VrfTest, VipsAreOfTheMainVrf) {
  ExpectDropped(k4, kBlue101, kVip44, DropReason::kNoRoute, true);
  ExpectDropped(k6, kBlue101, kVip66, DropReason::kNoRoute, true);
}

TEST_F(VrfTest, OwnAddressesGoToTheKernelOfTheirVrf) {
  for (const Family family : kFamilies) {
    const Outcome blue = lab_.Pass(
        kP1, FrameFrom(kBlue101, Ip(family, kBlue101, Host(family, 101, 1)) / Udp{} / Payload(4)));
    ASSERT_EQ(blue.punted.size(), 1u) << blue.ToString();
    EXPECT_EQ(blue.punted[0].port, kBlue101);
    const Outcome red = lab_.Pass(
        kP1, FrameFrom(kRed101, Ip(family, kRed101, Host(family, 101, 1)) / Udp{} / Payload(4)));
    ASSERT_EQ(red.punted.size(), 1u) << red.ToString();
    EXPECT_EQ(red.punted[0].port, kRed101);
  }
}

// A tunnel's outer packets travel in its underlay, and only from there they are let in.
TEST(VrfTunnel, TheUnderlayIsAVrf) {
  LabOptions options = Options();
  router::Tunnel tunnel;
  tunnel.key = {.kind = TunnelKind::kGre,
                .local = *IpAddress::Parse("10.101.0.1"),
                .remote = *IpAddress::Parse("10.102.0.2"),
                .underlay = kBlue};
  options.tunnels = {tunnel};
  PathLab lab(options);
  const Packet inner = Ip4{.src = "10.111.0.2", .dst = kClient4} / Udp{} / Payload(10);
  const Packet outer = Ip4{.src = "10.102.0.2", .dst = "10.101.0.1", .proto = 47} /
                       Raw{Bytes{0, 0, 0x08, 0}} / inner;
  const Outcome in = lab.Pass(kP3, FrameFrom(kBlue102, outer));
  ASSERT_EQ(in.sent.size(), 1u) << in.ToString();
  EXPECT_EQ(in.sent[0].port, kP0);
  const Outcome out = lab.Pass(
      kP0, FrameFrom(kP0, Ip4{.src = kClient4, .dst = "10.111.0.2"} / Udp{} / Payload(10)));
  ASSERT_EQ(out.sent.size(), 1u) << out.ToString();
  EXPECT_EQ(out.sent[0].port, kP3);
  // The same packet in red, where 10.101.0.1 is an own address as well.
  const Outcome red = lab.Pass(kP3, FrameFrom(kRed103, outer));
  EXPECT_TRUE(red.sent.empty()) << red.ToString();
  EXPECT_EQ(red.punted.size(), 1u) << red.ToString();
  lab.CheckAtRest();
}

}  // namespace
}  // namespace flyover::test
