// What ports do beyond forwarding: reverse path check, MSS clamp, DSCP marks, directed broadcasts,
// and the sources and rates of ICMP errors; IPv4 and IPv6 by the same tables.
#include <gtest/gtest.h>

#include "common/testing/packet_printer.h"
#include "tests/packets/lab/row.h"

namespace flyover::test {
namespace {

enum Family { k4, k6 };
constexpr Family kFamilies[] = {k4, k6};

// Network n of the topology: 10.n.0.host or 2001:db8:n::host.
std::string Host(Family family, unsigned network, unsigned host) {
  return family == k4 ? "10." + std::to_string(network) + ".0." + std::to_string(host)
                      : "2001:db8:" + std::to_string(network) + "::" + std::to_string(host);
}
Packet Header(Family family, const std::string& src, const std::string& dst, uint8_t tos = 0,
              uint8_t ttl = 64) {
  if (family == k4) return Ip4{.src = src, .dst = dst, .tos = tos, .ttl = ttl};
  return Ip6{.src = src, .dst = dst, .traffic_class = tos, .hlim = ttl};
}
// From the far side of `in` to the far side of another port.
std::string Across(Family family, unsigned in) {
  return in == kP0 ? Host(family, 9, 1) : Host(family, 1, 2);
}

struct RpfCase {
  const char* name;
  unsigned in;
  unsigned network;
  unsigned host;
  bool strict, feasible, loose;
};
constexpr RpfCase kRpfCases[] = {
    {"the client", kP0, 1, 2, true, true, true},
    {"an on-link host nobody knows yet", kP0, 1, 99, true, true, true},
    {"an on-link host that does not answer", kP0, 1, 66, false, false, true},
    {"a host of another link", kP0, 2, 99, false, false, true},
    {"behind the gateway there", kP1, 9, 5, true, true, true},
    {"behind a gateway elsewhere", kP0, 9, 5, false, false, true},
    {"one of several next hops", kP2, 40, 5, true, true, true},
    {"none of several next hops", kP0, 40, 5, false, false, true},
    {"the second best route", kP2, 70, 5, false, true, true},
    {"the best of two routes", kP1, 70, 5, true, true, true},
    {"neither of two routes", kP0, 70, 5, false, false, true},
    {"no route", kP0, 99, 5, false, false, false},
    {"a blackhole", kP0, 50, 1, false, false, false},
    {"prohibited", kP0, 52, 1, false, false, false},
    {"our own address", kP0, 2, 1, false, false, false},
};

void AddTwoRoutes(PathLab& lab, Family family) {
  for (const unsigned port : {kP1, kP2}) {
    router::RibRoute route;
    route.prefix = *IpPrefix::Parse(family == k4 ? "10.70.0.0/16" : "2001:db8:70::/48");
    route.metric = 10 * port;
    route.nexthops = {
        {.gateway = IpAddress::Parse(Host(family, port + 1, 2)), .port = PortIndex(uint8_t(port))}};
    ASSERT_TRUE(lab.rib().main().UpsertRoute(route).ok());
  }
}

TEST(ReversePath, AcceptsAndRefusesByMode) {
  struct Mode {
    ReversePathCheck check;
    bool RpfCase::*passes;
  };
  PathLab lab;
  for (const Family family : kFamilies) {
    AddTwoRoutes(lab, family);
    for (const Mode& mode : {Mode{ReversePathCheck::kStrict, &RpfCase::strict},
                             Mode{ReversePathCheck::kFeasible, &RpfCase::feasible},
                             Mode{ReversePathCheck::kLoose, &RpfCase::loose}}) {
      for (const RpfCase& c : kRpfCases) {
        SCOPED_TRACE(std::string(c.name) + (family == k4 ? " IPv4 " : " IPv6 ") +
                     std::string(kReversePathNames[static_cast<size_t>(mode.check)]));
        lab.SetFeatures(c.in, {.urpf = mode.check});
        const Bytes frame = From(c.in) /
                            Header(family, Host(family, c.network, c.host), Across(family, c.in)) /
                            Udp{} / Payload(20);
        for (const Form& form : AllForms()) {
          const Outcome outcome = lab.Pass(c.in, frame, form);
          std::map<DropReason, uint64_t> drops;
          if (!(c.*mode.passes)) drops[DropReason::kUrpf] = 1;
          EXPECT_EQ(outcome.drops, drops) << outcome.ToString();
          EXPECT_EQ(outcome.sent.size(), drops.empty() ? 1u : 0u) << outcome.ToString();
        }
        lab.SetFeatures(c.in, {});
        EXPECT_FALSE(lab.Pass(c.in, frame).drops.contains(DropReason::kUrpf));
      }
    }
  }
  lab.CheckAtRest();
}

TEST(ReversePath, TheDefaultRouteIsARoute) {
  PathLab lab;
  for (const Family family : kFamilies) {
    const std::string src = family == k4 ? "200.1.2.3" : "9000::1";
    for (const unsigned port : {kP0, kP1}) {
      lab.SetFeatures(port, {.urpf = ReversePathCheck::kStrict});
      const Outcome outcome =
          lab.Pass(port, From(port) / Header(family, src, Across(family, port)) / Udp{});
      EXPECT_EQ(outcome.drops.contains(DropReason::kUrpf), port == kP0) << outcome.ToString();
    }
  }
  lab.CheckAtRest();
}

// A second route that goes away takes its way back with it.
TEST(ReversePath, FeasibleFollowsTheRoutes) {
  PathLab lab;
  for (const Family family : kFamilies) {
    AddTwoRoutes(lab, family);
    lab.SetFeatures(kP2, {.urpf = ReversePathCheck::kFeasible});
    const Bytes frame =
        From(kP2) / Header(family, Host(family, 70, 5), Across(family, kP2)) / Udp{};
    EXPECT_EQ(lab.Pass(kP2, frame).sent.size(), 1u);
    const IpPrefix prefix = *IpPrefix::Parse(family == k4 ? "10.70.0.0/16" : "2001:db8:70::/48");
    ASSERT_TRUE(lab.rib().main().RemoveRoute(prefix, 20).ok());
    EXPECT_TRUE(lab.Pass(kP2, frame).drops.contains(DropReason::kUrpf));
  }
  lab.CheckAtRest();
}

TEST(ReversePath, DhcpAndNeighborDiscoveryAreExempt) {
  PathLab lab;
  lab.SetFeatures(kP0, {.urpf = ReversePathCheck::kStrict});
  const Eth broadcast{.dst = kBroadcastMac, .src = kClientMac};
  const Eth group{.dst = {0x33, 0x33, 0xff, 0, 0, 1}, .src = kClientMac};
  const Bytes discover = broadcast / Ip4{.src = "0.0.0.0", .dst = "255.255.255.255"} /
                         Udp{.sport = 68, .dport = 67} / Payload(240);
  EXPECT_EQ(lab.Pass(kP0, discover).punts,
            (std::map<PuntReason, uint64_t>{{PuntReason::kDhcp, 1}}));
  const Bytes probe = group / Ip6{.src = "::", .dst = "ff02::1:ff00:1", .hlim = 255} /
                      Icmp{.type = 135, .v6 = true} / Raw{AddressBytes("fe80::1")};
  EXPECT_EQ(lab.Pass(kP0, probe).punts,
            (std::map<PuntReason, uint64_t>{{PuntReason::kNeighborDiscovery, 1}}));
  const Bytes local = From(kP0) / Ip6{.src = "fe80::77", .dst = "fe80::1"} / Tcp{.dport = 179};
  EXPECT_EQ(lab.Pass(kP0, local).punts,
            (std::map<PuntReason, uint64_t>{{PuntReason::kRoutingProtocol, 1}}));
  lab.CheckAtRest();
}

struct MssCase {
  const char* name;
  uint8_t flags;
  Bytes options;
  Bytes wanted;  // empty: as sent
};
// The limit is 1,400 for IPv4; IPv6 gets 20 less, so that the tables name what IPv4 gets.
std::vector<MssCase> MssCases(uint16_t limit) {
  const auto hi = static_cast<uint8_t>(limit >> 8), lo = static_cast<uint8_t>(limit);
  constexpr uint8_t kSyn = 0x02, kSynAck = 0x12, kAck = 0x10;
  return {
      {"SYN", kSyn, {2, 4, 0x05, 0xb4}, {2, 4, hi, lo}},
      {"SYN-ACK", kSynAck, {2, 4, 0x05, 0xb4}, {2, 4, hi, lo}},
      {"the largest", kSyn, {2, 4, 0xff, 0xff}, {2, 4, hi, lo}},
      {"behind other options", kSyn, {1, 1, 4, 2, 2, 4, 5, 0xb4}, {1, 1, 4, 2, 2, 4, hi, lo}},
      {"at an odd offset", kSyn, {1, 2, 4, 5, 0xb4, 1, 1, 0}, {1, 2, 4, hi, lo, 1, 1, 0}},
      {"twice", kSyn, {2, 4, 5, 0xb4, 2, 4, 5, 0xb5}, {2, 4, hi, lo, 2, 4, hi, lo}},
      {"smaller stays", kSyn, {2, 4, 0x02, 0x18}, {}},
      {"the limit itself", kSyn, {2, 4, hi, lo}, {}},
      {"none is added", kSyn, {}, {}},
      {"not in an ACK", kAck, {2, 4, 0x05, 0xb4}, {}},
      {"after the end of options", kSyn, {0, 2, 4, 5, 0xb4, 0, 0, 0}, {}},
      {"length 0", kSyn, {3, 0, 2, 4, 5, 0xb4, 0, 0}, {}},
      {"length 1", kSyn, {3, 1, 2, 4, 5, 0xb4, 0, 0}, {}},
      {"length beyond the header", kSyn, {3, 9, 2, 4, 5, 0xb4, 0, 0}, {}},
      {"cut at the header's end", kSyn, {1, 1, 2, 4}, {}},
      {"kind without length", kSyn, {1, 1, 1, 2}, {}},
      {"of a wrong length", kSyn, {2, 3, 5, 1}, {}},
  };
}

TEST(MssClamp, LowersWhatSynsCarry) {
  PathLab lab;
  for (const Family family : kFamilies) {
    // Over p1 in either direction.
    lab.SetFeatures(kP1, {.tcp_mss = 1400});
    const uint16_t limit = family == k4 ? 1400 : 1380;
    for (const auto& [in, out] : {std::pair{kP0, kP1}, std::pair{kP1, kP0}}) {
      for (const MssCase& c : MssCases(limit)) {
        SCOPED_TRACE(std::string(c.name) + (family == k4 ? " IPv4" : " IPv6"));
        const std::string src = Across(family, out), dst = Across(family, in);
        const Packet header = Header(family, src, dst);
        const Packet passed = Header(family, src, dst, 0, 63);
        const Bytes frame =
            From(in) / header / Tcp{.flags = c.flags, .options = c.options} / Payload(3);
        const Bytes want =
            To(out) / passed /
            Tcp{.flags = c.flags, .options = c.wanted.empty() ? c.options : c.wanted} / Payload(3);
        for (const Form& form : AllForms()) {
          const Outcome outcome = lab.Pass(in, frame, form);
          ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
          EXPECT_EQ(Difference(want, outcome.sent[0].bytes), "") << form.Name();
        }
      }
    }
  }
  lab.CheckAtRest();
}

TEST(MssClamp, AutoHoldsWhatTheMtuHoldsAndTheSmallerPortWins) {
  PathLab lab;
  lab.SetFeatures(kP0, {.tcp_mss = 1300});
  lab.SetFeatures(kP2, {.tcp_mss = 0});  // MTU 1280
  for (const Family family : kFamilies) {
    const uint16_t limit = family == k4 ? 1240 : 1220;
    const auto mss = [](uint16_t n) {
      return Bytes{2, 4, static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)};
    };
    const std::string dst = Host(family, 8, 1);
    const Outcome outcome = lab.Pass(
        kP0, From(kP0) / Header(family, Host(family, 1, 2), dst) / Tcp{.options = mss(1460)});
    ASSERT_EQ(outcome.sent.size(), 1u);
    const Bytes want =
        To(kP2) / Header(family, Host(family, 1, 2), dst, 0, 63) / Tcp{.options = mss(limit)};
    EXPECT_EQ(Difference(want, outcome.sent[0].bytes), "");
  }
  lab.CheckAtRest();
}

TEST(MssClamp, LeavesFragmentsAndBrokenHeadersAlone) {
  PathLab lab;
  lab.SetFeatures(kP1, {.tcp_mss = 1000});
  const Bytes mss = {2, 4, 5, 0xb4};
  const Bytes frames[] = {
      From(kP0) / Ip4{.src = kClient4, .dst = kFar4, .mf = true} / Tcp{.options = mss},
      From(kP0) / Ip4{.src = kClient4, .dst = kFar4} / Tcp{.options = mss, .data_offset = 15},
      From(kP0) / Ip6{.src = kClient6, .dst = kFar6} / Frag6{.more = true} / Tcp{.options = mss},
      From(kP0) / Ip6{.src = kClient6, .dst = kFar6} / Tcp{.options = mss, .data_offset = 15},
  };
  for (const Bytes& frame : frames) {
    const Outcome outcome = lab.Pass(kP0, frame);
    ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
    EXPECT_EQ(Difference(Routed(frame, To(kP1)), outcome.sent[0].bytes), "");
  }
  lab.CheckAtRest();
}

TEST(MssClamp, AWrongChecksumStaysWrong) {
  PathLab lab;
  lab.SetFeatures(kP1, {.tcp_mss = 1400});
  const Bytes frame = From(kP0) / Ip4{.src = kClient4, .dst = kFar4} /
                      Tcp{.options = {2, 4, 5, 0xb4}, .checksum = 0x1234};
  const Outcome outcome = lab.Pass(kP0, frame);
  ASSERT_EQ(outcome.sent.size(), 1u);
  EXPECT_NE(WhatIsWrongWith(outcome.sent[0].bytes), std::nullopt);
}

TEST(Dscp, MarksWhatComesInAndKeepsEcn) {
  PathLab lab;
  lab.SetFeatures(kP0, {.dscp = 46});
  for (const Family family : kFamilies) {
    for (const uint8_t tos : std::initializer_list<uint8_t>{0, 1, 2, 3, 0xb8, 0xff}) {
      const std::string src = Host(family, 1, 2), dst = Host(family, 9, 1);
      const auto marked = static_cast<uint8_t>(46 << 2 | (tos & 3));
      const Outcome outcome =
          lab.Pass(kP0, From(kP0) / Header(family, src, dst, tos) / Udp{} / Payload(9));
      ASSERT_EQ(outcome.sent.size(), 1u);
      EXPECT_EQ(Difference(To(kP1) / Header(family, src, dst, marked, 63) / Udp{} / Payload(9),
                           outcome.sent[0].bytes),
                "");
      // What leaves by the port is not its concern, and answers of ours are not either.
      const Bytes back = From(kP1) / Header(family, dst, src, tos) / Udp{};
      EXPECT_EQ(lab.Pass(kP1, back).sent.at(0).bytes, Routed(back, To(kP0)));
    }
    const Outcome error = lab.Pass(
        kP0, From(kP0) / Header(family, Host(family, 1, 2), Host(family, 9, 1), 0, 1) / Udp{});
    ASSERT_EQ(error.sent.size(), 1u);
    EXPECT_EQ(error.sent[0].bytes[15] & 0xfc, family == k4 ? 0xc0 : 0);
  }
  lab.CheckAtRest();
}

TEST(DirectedBroadcast, IsSentToAllWhereAllowed) {
  PathLab lab;
  const IpAddress address = *IpAddress::Parse("10.2.0.255");
  ASSERT_TRUE(lab.rib().main().RemoveRoute(IpPrefix::Host(address), 0).ok());
  lab.rib().SetNeighbor(PortIndex(kP1), address, MacAddress::Broadcast());
  const Bytes frame = From(kP0) / Ip4{.src = kClient4, .dst = "10.2.0.255"} / Udp{.dport = 9};
  const Outcome outcome = lab.Pass(kP0, frame);
  ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
  EXPECT_EQ(
      Difference(Routed(frame, {.dst = kBroadcastMac, .src = PortMac(kP1)}), outcome.sent[0].bytes),
      "");
  // It does not come back from that link.
  const Bytes echo = Readdressed(outcome.sent[0].bytes, {.dst = kBroadcastMac, .src = kClientMac});
  EXPECT_TRUE(lab.Pass(kP1, echo).drops.contains(DropReason::kL2BroadcastUnicastIp));
  lab.CheckAtRest();
}

Bytes Dying(Family family, const std::string& src, unsigned in = kP0) {
  return From(in) / Header(family, src, Host(family, 9, 1), 0, 1) / Udp{};
}

std::string SourceOfError(Family family, const SentFrame& frame) {
  const size_t at = 14 + (family == k4 ? 12 : 8), size = family == k4 ? 4 : 16;
  const Bytes bytes(frame.bytes.begin() + static_cast<long>(at),
                    frame.bytes.begin() + static_cast<long>(at + size));
  for (const std::string& name : {Host(family, 1, 1), Host(family, 2, 1), Host(family, 255, 1)}) {
    if (AddressBytes(name) == bytes) return name;
  }
  return "?";
}

// The packet came in by p0, its source is behind p1.
TEST(IcmpSource, OutgoingIncomingOrFixed) {
  for (const Family family : kFamilies) {
    for (const unsigned network : {2u, 1u, 255u}) {
      LabOptions options;
      options.dataplane.icmp_errors.source.incoming = network == 1;
      if (network == 255) {
        options.dataplane.icmp_errors.source.ipv4 = Ipv4Address::Parse("10.255.0.1");
        options.dataplane.icmp_errors.source.ipv6 = Ipv6Address::Parse("2001:db8:255::1");
      }
      PathLab lab(options);
      const Outcome outcome = lab.Pass(kP0, Dying(family, Host(family, 9, 7)));
      ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
      EXPECT_EQ(outcome.sent[0].port, kP1);
      EXPECT_EQ(SourceOfError(family, outcome.sent[0]), Host(family, network, 1));
      EXPECT_EQ(WhatIsWrongWith(outcome.sent[0].bytes), std::nullopt);
    }
  }
}

TEST(IcmpLimits, AFloodOfOneTypeLeavesTheOthersAlone) {
  for (const Family family : kFamilies) {
    LabOptions options;
    options.dataplane.icmp_errors = {
        .rate = 1000, .burst = 5, .type_rate = {1, 1, 1000}, .per_source = {.rate = 1'000'000}};
    options.dataplane.icmp_errors.per_source.burst = 1000;
    options.dataplane.icmp_errors.rate = 100'000;
    options.dataplane.icmp_errors.type_rate[2] = 100'000;
    PathLab lab(options);
    for (int n = 0; n < 40; ++n) lab.Send(kP0, Dying(family, Host(family, 1, 2)));
    EXPECT_LE(lab.Settle().sent.size(), 6u);
    const Packet long_packet = family == k4
                                   ? Packet(Ip4{.src = kClient4, .dst = "10.8.0.1", .df = true})
                                   : Packet(Ip6{.src = kClient6, .dst = "2001:db8:8::1"});
    EXPECT_EQ(lab.Pass(kP0, From(kP0) / long_packet / Payload(1400)).sent.size(), 1u);
    const router::IcmpLimiter& limiter = lab.lcore(0).router().icmp_errors;
    EXPECT_GE(limiter.limited()[static_cast<size_t>(router::IcmpErrorType::kTimeExceeded)], 34u);
    EXPECT_EQ(limiter.limited()[static_cast<size_t>(router::IcmpErrorType::kTooBig)], 0u);
    EXPECT_EQ(limiter.limited_by_source(), 0u);
  }
}

TEST(IcmpLimits, OneNetworkCannotUseUpTheRateOfOthers) {
  for (const Family family : kFamilies) {
    LabOptions options;
    options.dataplane.icmp_errors.per_source = {.rate = 1, .burst = 3};
    PathLab lab(options);
    // All of one prefix, whoever in it.
    for (unsigned n = 0; n < 40; ++n) lab.Send(kP0, Dying(family, Host(family, 9, 2 + n)));
    const size_t sent = lab.Settle().sent.size();
    EXPECT_GE(sent, 3u);
    EXPECT_LE(sent, 4u);
    EXPECT_EQ(lab.lcore(0).router().icmp_errors.limited_by_source(), 40 - sent);
    size_t others = 0;
    for (const unsigned network : {1u, 8u, 10u, 40u}) {
      others += lab.Pass(kP0, Dying(family, Host(family, network, 2))).sent.size();
    }
    // Two prefixes may meet in one of the buckets, hardly ever three of these.
    EXPECT_GE(others, 3u);
  }
}

}  // namespace
}  // namespace flyover::test
