// Tunnels: what goes into one, what comes out of one, and what they must not do. Every kind, over
// IPv4 and IPv6, carrying IPv4 and IPv6, by the same tables. (RFC 2003, 2473, 2784, 2890, 4213,
// 6040, 7348)
#include <gtest/gtest.h>

#include "common/testing/packet_printer.h"
#include "tests/packets/lab/row.h"

namespace flyover::test {
namespace {

enum Family { k4, k6 };
constexpr Family kFamilies[] = {k4, k6};

constexpr unsigned kFirst = kPorts;  // port of tunnel 0
constexpr uint32_t kKey = 0xabcdef;

struct Kind {
  const char* name;
  TunnelKind kind;
  bool has_key;
  Family outer;
};
constexpr Kind kKinds[] = {
    {"ipip over IPv4", TunnelKind::kIpip, false, k4},
    {"ipip over IPv6", TunnelKind::kIpip, false, k6},
    {"gre over IPv4", TunnelKind::kGre, false, k4},
    {"gre over IPv6", TunnelKind::kGre, false, k6},
    {"gre with a key, over IPv4", TunnelKind::kGre, true, k4},
    {"gre with a key, over IPv6", TunnelKind::kGre, true, k6},
    {"vxlan over IPv4", TunnelKind::kVxlan, true, k4},
    {"vxlan over IPv6", TunnelKind::kVxlan, true, k6},
};

std::string Local(Family family) { return family == k4 ? "10.2.0.1" : "2001:db8:2::1"; }
std::string Remote(Family family) { return family == k4 ? "10.9.0.77" : "2001:db8:9::77"; }
std::string Host(Family family, unsigned network, unsigned host) {
  return family == k4 ? "10." + std::to_string(network) + ".0." + std::to_string(host)
                      : "2001:db8:" + std::to_string(network) + "::" + std::to_string(host);
}

LabOptions Options(const Kind& kind) {
  router::Tunnel tunnel;
  tunnel.key.kind = kind.kind;
  tunnel.key.has_key = kind.has_key;
  tunnel.key.key = kind.has_key ? kKey : 0;
  tunnel.key.local = *IpAddress::Parse(Local(kind.outer));
  tunnel.key.remote = *IpAddress::Parse(Remote(kind.outer));
  LabOptions options;
  options.tunnels = {tunnel};
  return options;
}

Packet Ip(Family family, const std::string& src, const std::string& dst, uint8_t ttl = 64,
          uint8_t tos = 0, bool df = true) {
  if (family == k4) return Ip4{.src = src, .dst = dst, .tos = tos, .df = df, .ttl = ttl};
  return Ip6{.src = src, .dst = dst, .traffic_class = tos, .hlim = ttl};
}

Bytes Be32Bytes(uint32_t v) {
  return {static_cast<uint8_t>(v >> 24), static_cast<uint8_t>(v >> 16),
          static_cast<uint8_t>(v >> 8), static_cast<uint8_t>(v)};
}

// What stands between the outer IP header and the inner packet; UDP's source port is 0 here.
Bytes Shim(const Kind& kind, Family inner, size_t inner_length, const Mac& dst, const Mac& src) {
  const Bytes type = inner == k4 ? Bytes{0x08, 0x00} : Bytes{0x86, 0xdd};
  if (kind.kind == TunnelKind::kIpip) return {};
  if (kind.kind == TunnelKind::kGre) {
    const Bytes head = Join({static_cast<uint8_t>(kind.has_key ? 0x20 : 0), 0}, type);
    return kind.has_key ? Join(head, Be32Bytes(kKey)) : head;
  }
  const auto length = static_cast<uint16_t>(8 + 8 + 14 + inner_length);
  Bytes udp = {0, 0, 0x12, 0xb5, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length),
               0, 0};
  udp = Join(udp, Join({0x08, 0, 0, 0}, Be32Bytes(kKey << 8)));
  const Eth ethernet{.dst = dst, .src = src, .type = inner == k4 ? 0x0800 : 0x86dd};
  return Join(udp, ethernet / Raw{});
}

uint8_t Protocol(const Kind& kind, Family inner) {
  if (kind.kind == TunnelKind::kIpip) return inner == k4 ? 4 : 41;
  return kind.kind == TunnelKind::kGre ? 47 : 17;
}

// The outer packet around `inner` (IP bytes).
Bytes Outer(const Kind& kind, const Eth& ethernet, const std::string& src, const std::string& dst,
            Family inner_family, const Bytes& inner, const Mac& inner_dst, const Mac& inner_src,
            uint8_t tos = 0, uint8_t ttl = 64) {
  const Raw body{Join(Shim(kind, inner_family, inner.size(), inner_dst, inner_src), inner)};
  const uint8_t protocol = Protocol(kind, inner_family);
  if (kind.outer == k4) {
    return ethernet /
           Ip4{.src = src,
               .dst = dst,
               .tos = tos,
               .id = 0,
               .df = true,
               .ttl = ttl,
               .proto = protocol} /
           body;
  }
  return ethernet /
         Ip6{.src = src, .dst = dst, .traffic_class = tos, .hlim = ttl, .next = protocol} / body;
}

// As it must look on the wire, sent by us.
Bytes Sent(const Kind& kind, Family family, const Bytes& inner, uint8_t tos = 0) {
  return Outer(kind, To(kP1), Local(kind.outer), Remote(kind.outer), family, inner,
               TunnelHostMac(0), TunnelMac(0), tos);
}
// As the other end sends it.
Bytes Received(const Kind& kind, Family family, const Bytes& inner, uint8_t tos = 0,
               const std::string& src = "", const std::string& dst = "") {
  return Outer(kind, From(kP1), src.empty() ? Remote(kind.outer) : src,
               dst.empty() ? Local(kind.outer) : dst, family, inner, TunnelMac(0), TunnelHostMac(0),
               tos, 9);
}

// Without what we may choose: the flow label and VXLAN's source port.
Bytes Comparable(const Kind& kind, Bytes frame) {
  const size_t l4 = kind.outer == k4 ? 34 : 54;
  if (kind.outer == k6) frame[15] &= 0xf0, frame[16] = frame[17] = 0;
  if (kind.kind == TunnelKind::kVxlan) frame[l4] = frame[l4 + 1] = 0;
  return frame;
}

TEST(Tunnel, CarriesWhatIsRoutedIntoIt) {
  for (const Kind& kind : kKinds) {
    PathLab lab(Options(kind));
    for (const Family family : kFamilies) {
      const std::string src = Host(family, 1, 2), dst = Host(family, 111, 2);
      for (const uint8_t tos : std::initializer_list<uint8_t>{0, 0xb8, 0x02, 0xff}) {
        for (const Form& form : AllForms()) {
          SCOPED_TRACE(std::string(kind.name) + (family == k4 ? ", IPv4 " : ", IPv6 ") +
                       form.Name());
          const Packet payload = Udp{.dport = 7} / Payload(100);
          const Outcome outcome =
              lab.Pass(kP0, From(kP0) / Ip(family, src, dst, 64, tos) / payload, form);
          ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
          EXPECT_EQ(outcome.sent[0].port, kP1);
          const Bytes inner = Ip(family, src, dst, 63, tos) / payload;
          EXPECT_EQ(
              Difference(Sent(kind, family, inner, tos), Comparable(kind, outcome.sent[0].bytes)),
              "");
        }
      }
    }
    lab.CheckAtRest();
  }
}

TEST(Tunnel, GivesBackWhatItCarried) {
  for (const Kind& kind : kKinds) {
    PathLab lab(Options(kind));
    for (const Family family : kFamilies) {
      const std::string src = Host(family, 111, 2), dst = Host(family, 1, 2);
      for (const size_t length : {0u, 100u, 1200u}) {
        for (const Form& form : AllForms()) {
          SCOPED_TRACE(std::string(kind.name) + (family == k4 ? ", IPv4 " : ", IPv6 ") +
                       form.Name());
          const Packet payload = Udp{.dport = 7} / Payload(length);
          const Outcome outcome =
              lab.Pass(kP1, Received(kind, family, Ip(family, src, dst) / payload), form);
          ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
          EXPECT_EQ(outcome.sent[0].port, kP0);
          EXPECT_EQ(Difference(To(kP0) / Ip(family, src, dst, 63) / payload, outcome.sent[0].bytes),
                    "");
        }
      }
    }
    const PortCounters counters = lab.dataplane().StackedCounters(PortIndex(kFirst));
    EXPECT_EQ(counters.rx_packets, 2 * 3 * AllForms().size());
    lab.CheckAtRest();
  }
}

// What is for this box goes to the tunnel's TAP, as a frame.
TEST(Tunnel, PuntsToItsOwnTap) {
  for (const Kind& kind : kKinds) {
    PathLab lab(Options(kind));
    for (const Family family : kFamilies) {
      const Packet ssh = Ip(family, Host(family, 111, 2), Host(family, 111, 1)) / Tcp{.dport = 22};
      const Outcome outcome = lab.Pass(kP1, Received(kind, family, ssh));
      ASSERT_EQ(outcome.punted.size(), 1u) << kind.name << outcome.ToString();
      EXPECT_EQ(outcome.punted[0].port, kFirst);
      EXPECT_EQ(L3Of(outcome.punted[0].bytes), Bytes(ssh));
      const Mac dst = TunnelMac(0);
      EXPECT_TRUE(std::equal(dst.begin(), dst.end(), outcome.punted[0].bytes.begin()));
    }
    lab.CheckAtRest();
  }
}

TEST(Tunnel, CarriesFramesOfTheKernel) {
  for (const Kind& kind : kKinds) {
    PathLab lab(Options(kind));
    for (const Family family : kFamilies) {
      const Packet ip = Ip(family, Host(family, 111, 1), Host(family, 111, 2), 1) / Udp{};
      const Bytes frame = Eth{.dst = TunnelHostMac(0), .src = TunnelMac(0)} / ip;
      ASSERT_TRUE(lab.dataplane().Announce(PortIndex(kFirst), frame.data(),
                                           static_cast<uint16_t>(frame.size())));
      const Outcome outcome = lab.Settle();
      ASSERT_EQ(outcome.sent.size(), 1u) << kind.name << outcome.ToString();
      EXPECT_EQ(Difference(Sent(kind, family, ip), Comparable(kind, outcome.sent[0].bytes)), "");
    }
    // ARP is for Ethernet.
    const Bytes arp = Eth{.dst = kBroadcastMac, .src = TunnelMac(0)} /
                      Arp{.op = 1, .sha = TunnelMac(0), .spa = "10.111.0.1", .tpa = "10.111.0.2"};
    ASSERT_TRUE(
        lab.dataplane().Announce(PortIndex(kFirst), arp.data(), static_cast<uint16_t>(arp.size())));
    const Outcome outcome = lab.Settle();
    const bool ethernet = kind.kind == TunnelKind::kVxlan;
    EXPECT_EQ(outcome.sent.size(), ethernet ? 1u : 0u) << outcome.ToString();
    EXPECT_EQ(outcome.drops.contains(DropReason::kUnknownEtherType), !ethernet);
    lab.CheckAtRest();
  }
}

// What is not exactly a tunnel's is the kernel's business, or nobody's.
TEST(Tunnel, TakesNothingElse) {
  for (const Kind& kind : kKinds) {
    PathLab lab(Options(kind));
    const Bytes inner = Ip(k4, Host(k4, 111, 2), Host(k4, 1, 2)) / Udp{};
    Kind other = kind;
    other.has_key = !kind.has_key;
    std::vector<Bytes> frames = {
        Received(kind, k4, inner, 0, Host(kind.outer, 9, 78)),
        Received(kind, k4, inner, 0, "", Host(kind.outer, 1, 1)),
    };
    if (kind.kind == TunnelKind::kGre) frames.push_back(Received(other, k4, inner));
    if (kind.kind != TunnelKind::kIpip) {
      // Cut off in its own header.
      const size_t l4 = kind.outer == k4 ? 34 : 54;
      const Bytes whole = Received(kind, k4, inner);
      for (size_t keep = 1; keep < (kind.kind == TunnelKind::kGre ? 4u : 16u); ++keep) {
        const Raw body{Bytes(whole.begin() + static_cast<long>(l4),
                             whole.begin() + static_cast<long>(l4 + keep))};
        const uint8_t protocol = Protocol(kind, k4);
        frames.push_back(
            kind.outer == k4
                ? From(kP1) / Ip4{.src = Remote(k4), .dst = Local(k4), .proto = protocol} / body
                : From(kP1) / Ip6{.src = Remote(k6), .dst = Local(k6), .next = protocol} / body);
      }
      // Flags that are not ours: GRE's checksum, VXLAN without a valid network identifier.
      Bytes flags = whole;
      flags[l4 + (kind.kind == TunnelKind::kGre ? 0 : 8)] ^=
          kind.kind == TunnelKind::kGre ? 0x80 : 0x08;
      frames.push_back(flags);
    }
    for (const Bytes& frame : frames) {
      for (const Form& form : AllForms()) {
        const Outcome outcome = lab.Pass(kP1, frame, form);
        for (const SentFrame& sent : outcome.sent) EXPECT_NE(sent.port, kP0) << kind.name;
        for (const SentFrame& punted : outcome.punted) EXPECT_EQ(punted.port, kP1) << kind.name;
      }
    }
    lab.ExpectCanaryPasses();
    lab.CheckAtRest();
  }
}

// Broken inner packets are dropped by name like any others.
TEST(Tunnel, WhatItCarriesIsNotTrusted) {
  for (const Kind& kind : kKinds) {
    PathLab lab(Options(kind));
    for (const Family family : kFamilies) {
      const Bytes inner =
          Ip(family, Host(family, 111, 2), Host(family, 1, 2)) / Udp{} / Payload(40);
      for (size_t length = 0; length < inner.size(); ++length) {
        const Outcome outcome =
            lab.Pass(kP1, Received(kind, family, Cut(inner, length)),
                     length % 2 == 0 ? Form{} : Form{.layout = Layout::kExternal});
        EXPECT_TRUE(outcome.sent.empty()) << kind.name << " " << length << outcome.ToString();
        EXPECT_EQ(outcome.drops.size() + outcome.punted.size(), 1u) << kind.name << " " << length;
      }
      const Outcome martian = lab.Pass(
          kP1,
          Received(kind, family,
                   Ip(family, family == k4 ? "127.0.0.1" : "::1", Host(family, 1, 2)) / Udp{}));
      EXPECT_TRUE(martian.drops.contains(DropReason::kMartianSource)) << martian.ToString();
    }
    lab.ExpectCanaryPasses();
    lab.CheckAtRest();
  }
}

TEST(Tunnel, Ecn) {
  struct Case {
    uint8_t inner, outer;
    int wanted;  // -1: dropped
  };
  // RFC 6040, figure 4.
  constexpr Case kCases[] = {
      {0, 0, 0}, {0, 2, 0}, {0, 1, 0}, {0, 3, -1}, {2, 0, 2}, {2, 2, 2}, {2, 1, 1}, {2, 3, 3},
      {1, 0, 1}, {1, 2, 1}, {1, 1, 1}, {1, 3, 3},  {3, 0, 3}, {3, 2, 3}, {3, 1, 3}, {3, 3, 3},
  };
  for (const Kind& kind : kKinds) {
    PathLab lab(Options(kind));
    for (const Family family : kFamilies) {
      for (const Case& c : kCases) {
        SCOPED_TRACE(std::string(kind.name) + " inner " + std::to_string(c.inner) + " outer " +
                     std::to_string(c.outer));
        const std::string src = Host(family, 111, 2), dst = Host(family, 1, 2);
        const uint8_t dscp = 0x28;
        const Outcome outcome =
            lab.Pass(kP1, Received(kind, family, Ip(family, src, dst, 64, dscp | c.inner) / Udp{},
                                   0xa0 | c.outer));
        if (c.wanted < 0) {
          EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{DropReason::kTunnelEcn, 1}}));
          continue;
        }
        ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
        const auto tos = static_cast<uint8_t>(dscp | c.wanted);
        EXPECT_EQ(
            Difference(To(kP0) / Ip(family, src, dst, 63, tos) / Udp{}, outcome.sent[0].bytes), "");
      }
    }
    lab.CheckAtRest();
  }
}

// The MTU of the tunnel, and what a router on its way says of the path, reach the inner sender.
TEST(Tunnel, PathMtuReachesTheInnerSender) {
  constexpr uint16_t kPathMtu = 1400;
  for (const Kind& kind : kKinds) {
    PathLab lab(Options(kind));
    const auto overhead = static_cast<uint16_t>(Options(kind).tunnels[0].overhead());
    const auto mtu_told = [&](Family family, size_t length) -> uint32_t {
      const Packet header = Ip(family, Host(family, 1, 2), Host(family, 111, 2));
      const size_t head = family == k4 ? 20 : 40;
      const Outcome outcome = lab.Pass(kP0, From(kP0) / header / Payload(length - head));
      if (outcome.drops.empty()) {
        EXPECT_EQ(outcome.sent.size(), 1u);
        return 0;
      }
      EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{DropReason::kMtuExceeded, 1}}));
      if (outcome.sent.size() != 1 || outcome.sent[0].port != kP0) return 1;
      EXPECT_EQ(WhatIsWrongWith(outcome.sent[0].bytes), std::nullopt);
      const size_t rest = 14 + head + 4;
      return static_cast<uint32_t>(outcome.sent[0].bytes[rest + 2]) << 8 |
             outcome.sent[0].bytes[rest + 3];
    };
    for (const Family family : kFamilies) {
      SCOPED_TRACE(std::string(kind.name) + (family == k4 ? ", IPv4" : ", IPv6"));
      const auto whole = static_cast<uint16_t>(1500 - overhead);
      EXPECT_EQ(mtu_told(family, whole), 0u);
      EXPECT_EQ(mtu_told(family, whole + 1u), whole);
    }
    const Bytes offender = Sent(kind, k4, Ip(k4, Host(k4, 1, 2), Host(k4, 111, 2)) / Payload(1300));
    const Bytes error = kind.outer == k4
                            ? Icmp4Error(From(kP1), "10.9.0.5", 3, 4, kPathMtu, offender)
                            : Icmp6Error(From(kP1), "2001:db8:9::5", 2, 0, kPathMtu, offender);
    // The error's destination is the quoted packet's source: this box.
    lab.Pass(kP1, error);
    for (const Family family : kFamilies) {
      SCOPED_TRACE(std::string(kind.name) + (family == k4 ? ", IPv4" : ", IPv6"));
      const auto fits = static_cast<uint16_t>(kPathMtu - overhead);
      EXPECT_EQ(mtu_told(family, fits), 0u);
      EXPECT_EQ(mtu_told(family, fits + 1u), fits);
    }
    lab.CheckAtRest();
  }
}

// An error about another's packet, or one that asks for nothing sensible, teaches nothing.
TEST(Tunnel, ForgedPathMtus) {
  const Kind& kind = kKinds[0];
  PathLab lab(Options(kind));
  const Bytes inner = Ip(k4, Host(k4, 1, 2), Host(k4, 111, 2)) / Payload(1300);
  const Bytes other = Outer(kind, To(kP1), Local(k4), "10.9.0.78", k4, inner, {}, {});
  const Bytes ours = Sent(kind, k4, inner);
  for (const Bytes& error : {Icmp4Error(From(kP1), "10.9.0.5", 3, 4, 1400, other),
                             Icmp4Error(From(kP1), "10.9.0.5", 3, 4, 67, ours),
                             Icmp4Error(From(kP1), "10.9.0.5", 3, 4, 80, ours),
                             Icmp4Error(From(kP1), "10.9.0.5", 3, 3, 1400, ours),
                             Icmp4Error(From(kP1), "10.9.0.5", 3, 4, 1400, Cut(ours, 14 + 19))}) {
    lab.Pass(kP1, error);
    EXPECT_EQ(lab.Pass(kP0, From(kP0) / Ip(k4, Host(k4, 1, 2), Host(k4, 111, 2)) / Payload(1440))
                  .sent.size(),
              1u);
  }
  lab.CheckAtRest();
}

// Without DF the inner packet is cut to the tunnel's MTU.
TEST(Tunnel, CutsWhatMayBeCut) {
  for (const Kind& kind : kKinds) {
    PathLab lab(Options(kind));
    const Outcome outcome = lab.Pass(
        kP0, From(kP0) / Ip(k4, Host(k4, 1, 2), Host(k4, 111, 2), 64, 0, false) / Payload(1480));
    EXPECT_EQ(outcome.sent.size(), 2u) << kind.name << outcome.ToString();
    EXPECT_TRUE(outcome.drops.empty());
    for (const SentFrame& frame : outcome.sent) {
      EXPECT_EQ(frame.port, kP1);
      EXPECT_LE(frame.bytes.size(), 1514u);
    }
    lab.CheckAtRest();
  }
}

// The way to the other end leads into the tunnel itself, or into another one.
TEST(Tunnel, DoesNotLoop) {
  for (const Kind& kind : kKinds) {
    LabOptions options = Options(kind);
    PathLab lab(options);
    router::RibRoute route;
    route.prefix = IpPrefix::Host(*IpAddress::Parse(Remote(kind.outer)));
    route.nexthops = {
        {.gateway = IpAddress::Parse(Host(kind.outer, 111, 2)), .port = PortIndex(kFirst)}};
    ASSERT_TRUE(lab.rib().main().UpsertRoute(route).ok());
    for (const Family family : kFamilies) {
      const Outcome outcome =
          lab.Pass(kP0, From(kP0) / Ip(family, Host(family, 1, 2), Host(family, 111, 2)) / Udp{});
      EXPECT_TRUE(outcome.sent.empty());
      EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{DropReason::kTunnelLoop, 1}}))
          << kind.name << outcome.ToString();
    }
    lab.CheckAtRest();
  }
}

// A tunnel inside a tunnel comes out in two steps.
TEST(Tunnel, NestedOnesComeOut) {
  LabOptions options = Options(kKinds[0]);
  router::Tunnel second = options.tunnels[0];
  second.key.local = *IpAddress::Parse("10.111.0.1");
  second.key.remote = *IpAddress::Parse("10.111.0.2");
  options.tunnels.push_back(second);
  PathLab lab(options);
  const Packet payload = Udp{} / Payload(20);
  const Bytes innermost = Ip(k4, Host(k4, 112, 2), Host(k4, 1, 2)) / payload;
  const Bytes middle = Ip4{.src = "10.111.0.2", .dst = "10.111.0.1", .proto = 4} / Raw{innermost};
  const Outcome outcome = lab.Pass(kP1, Received(kKinds[0], k4, middle));
  ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
  EXPECT_EQ(Difference(To(kP0) / Ip(k4, Host(k4, 112, 2), Host(k4, 1, 2), 63) / payload,
                       outcome.sent[0].bytes),
            "");
  lab.CheckAtRest();
}

TEST(Tunnel, ManyAtOnceAndOverLcores) {
  for (const Kind& kind : kKinds) {
    LabOptions options = Options(kind);
    options.lcores = 3;
    PathLab lab(options);
    constexpr unsigned kFlows = 150;
    for (const Family family : kFamilies) {
      for (unsigned n = 0; n < kFlows; ++n) {
        const Udp udp{.sport = static_cast<uint16_t>(n + 1)};
        lab.Send(kP0, From(kP0) / Ip(family, Host(family, 1, 2), Host(family, 111, 2)) / udp);
        lab.Send(kP1, Received(kind, family,
                               Ip(family, Host(family, 111, 2), Host(family, 1, 2)) / udp));
      }
    }
    const Outcome outcome = lab.Settle();
    EXPECT_EQ(outcome.sent.size(), 4 * kFlows) << kind.name;
    lab.CheckAtRest();
  }
}

}  // namespace
}  // namespace flyover::test
