// Equal-cost paths: one flow one path, many flows evenly, and what moves when the paths change
// (RFC 2991, RFC 2992, RFC 6438).
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <span>

#include "tests/packets/lab/row.h"

namespace flyover::test {
namespace {

struct Flow {
  std::string src;
  std::string dst;
  uint16_t sport;
  uint16_t dport;
};

Bytes FrameOf(const Flow& flow) {
  return From(kP0) / Ip4{.src = flow.src, .dst = flow.dst} /
         Udp{.sport = flow.sport, .dport = flow.dport};
}

Flow RandomFlow(std::mt19937& random) {
  const auto low = [&] { return std::to_string(random() % 256); };
  return {"10.1." + low() + "." + low(), "10.41." + low() + "." + low(),
          static_cast<uint16_t>(random()), static_cast<uint16_t>(random())};
}

struct Member {
  const char* gateway;
  unsigned port;
};
constexpr Member kFour[] = {
    {"10.2.0.2", kP1}, {"10.2.0.11", kP1}, {"10.3.0.2", kP2}, {"10.4.0.2", kP3}};

void SetRoute(PathLab& lab, std::span<const Member> members) {
  router::RibRoute route;
  route.prefix = *IpPrefix::Parse("10.41.0.0/16");
  for (const Member& m : members) {
    route.nexthops.push_back(
        {.gateway = IpAddress::Parse(m.gateway), .port = PortIndex(static_cast<uint8_t>(m.port))});
  }
  ASSERT_TRUE(lab.rib().main().UpsertRoute(route).ok());
}

// The next hop (its MAC) of each frame, in order.
std::vector<Mac> PathsOf(PathLab& lab, const std::vector<Bytes>& frames) {
  std::vector<Mac> paths;
  for (const Bytes& frame : frames) {
    const Outcome outcome = lab.Pass(kP0, frame);
    if (outcome.sent.size() != 1) {
      ADD_FAILURE() << outcome.ToString();
      return {};
    }
    Mac mac;
    std::copy_n(outcome.sent[0].bytes.begin(), 6, mac.begin());
    paths.push_back(mac);
  }
  return paths;
}

std::vector<Bytes> RandomFrames(unsigned n, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Bytes> frames;
  for (unsigned i = 0; i < n; ++i) frames.push_back(FrameOf(RandomFlow(random)));
  return frames;
}

// Chi-square of `n` flows over equal paths.
double Unevenness(const std::map<Mac, unsigned>& shares, double n) {
  double chi = 0;
  const double expected = n / static_cast<double>(shares.size());
  for (const auto& [mac, count] : shares) chi += (count - expected) * (count - expected) / expected;
  return chi;
}
std::map<Mac, unsigned> Shares(const std::vector<Mac>& paths) {
  std::map<Mac, unsigned> shares;
  for (const Mac& mac : paths) ++shares[mac];
  return shares;
}

LabOptions Plain() {
  LabOptions options;
  options.services = false;
  options.mbufs = 4095;
  return options;
}

TEST(Ecmp, OneFlowTakesOnePathInOrder) {
  PathLab lab(Plain());
  const Flow flow{"10.1.0.2", "10.40.0.1", 40000, 80};
  std::optional<unsigned> port;
  for (unsigned n = 0; n < 10'000; n += 100) {
    for (unsigned i = 0; i < 100; ++i) {
      lab.Send(kP0, From(kP0) /
                        Ip4{.src = flow.src, .dst = flow.dst, .id = static_cast<uint16_t>(n + i)} /
                        Udp{});
    }
    const Outcome outcome = lab.Settle();
    ASSERT_EQ(outcome.sent.size(), 100u);
    for (unsigned i = 0; i < 100; ++i) {
      const SentFrame& sent = outcome.sent[i];
      if (!port) port = sent.port;
      EXPECT_EQ(sent.port, *port);
      EXPECT_EQ(sent.bytes[18] << 8 | sent.bytes[19], static_cast<int>(n + i)) << "reordered";
    }
  }
  lab.CheckAtRest();
}

TEST(Ecmp, ManyFlowsSpreadEvenly) {
  const unsigned random_seed = std::random_device()();
  for (const unsigned seed : {1u, random_seed}) {
    SCOPED_TRACE(seed);
    PathLab lab(Plain());
    SetRoute(lab, kFour);
    constexpr unsigned kFlows = 65'536;
    const auto shares = Shares(PathsOf(lab, RandomFrames(kFlows, seed)));
    ASSERT_EQ(shares.size(), 4u);
    EXPECT_LT(Unevenness(shares, kFlows), 24) << "3 degrees of freedom, p < 2.5e-5";
    for (const auto& [mac, n] : shares) EXPECT_NEAR(n, kFlows / 4.0, kFlows / 100.0);
  }
}

TEST(Ecmp, WithoutAMemberOnlyItsFlowsMove) {
  PathLab lab(Plain());
  SetRoute(lab, kFour);
  const std::vector<Bytes> frames = RandomFrames(8192, 2);
  const std::vector<Mac> before = PathsOf(lab, frames);
  SetRoute(lab, std::span(kFour).first(3));
  const std::vector<Mac> after = PathsOf(lab, frames);
  unsigned moved = 0;
  for (size_t i = 0; i < frames.size(); ++i) {
    const bool was_removed = before[i] == GatewayMac(kP3);
    if (!was_removed) {
      EXPECT_EQ(before[i], after[i]) << i;
    }
    moved += before[i] != after[i];
  }
  EXPECT_NEAR(moved, 8192 / 4.0, 8192 / 50.0);
  const auto shares = Shares(after);
  ASSERT_EQ(shares.size(), 3u);
  for (const auto& [mac, n] : shares) EXPECT_NEAR(n, 8192 / 3.0, 8192 / 25.0);
}

TEST(Ecmp, WhenAPortGoesDownItsFlowsMoveAndComeBack) {
  PathLab lab(Plain());
  SetRoute(lab, kFour);
  const std::vector<Bytes> frames = RandomFrames(4096, 3);
  const std::vector<Mac> before = PathsOf(lab, frames);
  lab.SetPort(kP2, kMtus[kP2], false);
  const std::vector<Mac> down = PathsOf(lab, frames);
  for (size_t i = 0; i < frames.size(); ++i) {
    EXPECT_NE(down[i], GatewayMac(kP2));
    if (before[i] != GatewayMac(kP2)) {
      EXPECT_EQ(down[i], before[i]) << i;
    }
  }
  lab.SetPort(kP2, kMtus[kP2], true);
  EXPECT_NEAR(Shares(PathsOf(lab, frames))[GatewayMac(kP2)], 1024, 130);
}

TEST(Ecmp, TwoBoxesInARowWithOtherSeedsUseAllPaths) {
  LabOptions options = Plain();
  options.dataplane.ecmp_seed = 1;
  PathLab first(options);
  PathLab same(options);
  options.dataplane.ecmp_seed = 2;
  PathLab other(options);
  for (PathLab* lab : {&first, &same, &other}) SetRoute(*lab, kFour);
  const std::vector<Bytes> frames = RandomFrames(8192, 4);
  const std::vector<Mac> paths = PathsOf(first, frames);
  std::vector<Bytes> passed;
  for (size_t i = 0; i < frames.size(); ++i) {
    if (paths[i] == GatewayMac(kP1)) passed.push_back(frames[i]);
  }
  const auto spread = Shares(PathsOf(other, passed));
  ASSERT_EQ(spread.size(), 4u);
  EXPECT_LT(Unevenness(spread, static_cast<double>(passed.size())), 24);
  EXPECT_EQ(Shares(PathsOf(same, passed)).size(), 1u) << "the same seed polarises";
}

TEST(Ecmp, SymmetricBothDirectionsTakeTheSamePath) {
  for (const bool symmetric : {true, false}) {
    LabOptions options = Plain();
    options.dataplane.ecmp_symmetric = symmetric;
    PathLab lab(options);
    SetRoute(lab, kFour);
    std::mt19937 random(5);
    std::vector<Bytes> there, back;
    for (int i = 0; i < 2000; ++i) {
      Flow flow = RandomFlow(random);
      flow.src.replace(0, 5, "10.41.");
      there.push_back(FrameOf(flow));
      back.push_back(FrameOf({flow.dst, flow.src, flow.dport, flow.sport}));
    }
    const std::vector<Mac> a = PathsOf(lab, there), b = PathsOf(lab, back);
    unsigned same = 0;
    for (size_t i = 0; i < a.size(); ++i) same += a[i] == b[i];
    if (symmetric) {
      EXPECT_EQ(same, a.size());
    } else {
      EXPECT_NEAR(same, 2000 / 4.0, 4 * std::sqrt(2000 * 0.25 * 0.75));
    }
    EXPECT_EQ(Shares(a).size(), 4u);
  }
}

TEST(Ecmp, SymmetricIpv6BothDirectionsTakeTheSamePath) {
  LabOptions options = Plain();
  options.dataplane.ecmp_symmetric = true;
  PathLab lab(options);
  std::vector<Bytes> there, back;
  for (uint16_t i = 0; i < 500; ++i) {
    const std::string a = "2001:db8:40::a:" + std::to_string(i % 7 + 1);
    const std::string b = "2001:db8:40::b:" + std::to_string(i % 11 + 1);
    const uint16_t port = static_cast<uint16_t>(1000 + i);
    there.push_back(From(kP0) / Ip6{.src = a, .dst = b, .flow = i} /
                    Tcp{.sport = port, .dport = 80});
    back.push_back(From(kP0) / Ip6{.src = b, .dst = a, .flow = 9u + i} /
                   Tcp{.sport = 80, .dport = port});
  }
  const std::vector<Mac> a = PathsOf(lab, there);
  EXPECT_EQ(a, PathsOf(lab, back));
  EXPECT_EQ(Shares(a).size(), 3u);
}

uint64_t PacketsOf(PathLab& lab, const char* prefix) {
  uint64_t packets = 0;
  lab.rib().main().ForEachRoute([&](const router::RouteView& view) {
    if (view.prefix == *IpPrefix::Parse(prefix)) packets += view.packets;
  });
  return packets;
}

// A group's packets are those of all its routes; a route that gets another group starts anew, and
// one that gets a group which others have used before it does not inherit their count.
TEST(Ecmp, PacketsAreCountedByNextHops) {
  PathLab lab;
  const Packet rest = Udp{} / Payload(10);
  const auto pass = [&](const std::string& dst, unsigned n) {
    for (unsigned i = 0; i < n; ++i) {
      const Packet ip = dst.find(':') == std::string::npos
                            ? Packet(Ip4{.src = kClient4, .dst = dst})
                            : Packet(Ip6{.src = kClient6, .dst = dst});
      ASSERT_EQ(lab.Pass(kP0, From(kP0) / ip / rest).sent.size(), 1u);
    }
  };
  pass("10.40.1.1", 5);
  pass("2001:db8:40::1", 3);
  pass("10.9.0.1", 2);
  pass("10.20.0.1", 4);  // by the same gateway
  EXPECT_EQ(PacketsOf(lab, "10.40.0.0/16"), 5u);
  EXPECT_EQ(PacketsOf(lab, "2001:db8:40::/48"), 3u);
  EXPECT_EQ(PacketsOf(lab, "10.9.0.0/16"), 6u);
  EXPECT_EQ(PacketsOf(lab, "10.20.0.0/16"), 6u);
  EXPECT_EQ(PacketsOf(lab, "10.50.0.0/16"), 0u);
  uint64_t shared = 0;
  lab.rib().ForEachEcmp([&](const router::EcmpView& view) { shared += view.packets; });
  EXPECT_EQ(shared, 8u);

  ASSERT_TRUE(lab.rib().main().RemoveRoute(*IpPrefix::Parse("10.40.0.0/16"), 0).ok());
  lab.dataplane().qsbr().Reclaim();
  SetRoute(lab, std::vector<Member>{{"10.2.0.2", kP1}, {"10.3.0.2", kP2}});
  EXPECT_EQ(PacketsOf(lab, "10.41.0.0/16"), 0u);
  pass("10.41.0.1", 2);
  EXPECT_EQ(PacketsOf(lab, "10.41.0.0/16"), 2u);
}

// The paths of packets that differ in one thing only.
std::map<Mac, unsigned> PathsFor(const LabOptions& options,
                                 const std::function<Bytes(uint16_t)>& frame) {
  PathLab lab(options);
  std::vector<Bytes> frames;
  for (uint16_t i = 0; i < 300; ++i) frames.push_back(frame(i));
  return Shares(PathsOf(lab, frames));
}

TEST(Ecmp, WhatTakesPartInTheHash) {
  const Ip4 ip{.src = kClient4, .dst = "10.40.0.1"};
  const Ip6 ip6{.src = kClient6, .dst = "2001:db8:40::1"};
  const auto with_label = [&](uint16_t i) {
    Ip6 labelled = ip6;
    labelled.flow = i;
    return Bytes(From(kP0) / labelled / Udp{});
  };
  LabOptions without_label = Plain();
  without_label.dataplane.ecmp_flow_label = false;
  EXPECT_EQ(PathsFor(Plain(), with_label).size(), 3u) << "RFC 6438";
  EXPECT_EQ(PathsFor(without_label, with_label).size(), 1u);
  EXPECT_EQ(PathsFor(Plain(), [&](uint16_t i) { return From(kP0) / ip / Udp{.sport = i}; }).size(),
            3u);
  EXPECT_EQ(PathsFor(Plain(), [&](uint16_t i) { return From(kP0) / ip6 / Tcp{.dport = i}; }).size(),
            3u);
  EXPECT_EQ(PathsFor(Plain(),
                     [&](uint16_t i) {
                       return From(kP0) / ip6 / Ext6{.kind = 0} / Ext6{.kind = 60} /
                              Udp{.sport = i};
                     })
                .size(),
            3u)
      << "L4 is found behind extension headers";
  // Fields that change within a flow.
  EXPECT_EQ(PathsFor(Plain(),
                     [&](uint16_t i) {
                       Ip4 other = ip;
                       other.id = i;
                       other.tos = static_cast<uint8_t>(i);
                       other.ttl = static_cast<uint8_t>(i % 200 + 2);
                       return From(kP0) / other / Tcp{.seq = i, .flags = static_cast<uint8_t>(i)} /
                              Payload(i);
                     })
                .size(),
            1u);
  // Tunnels: the inner flow is not looked at.
  EXPECT_EQ(PathsFor(Plain(),
                     [&](uint16_t i) {
                       return From(kP0) / ip / Ip4{.src = kFar4, .dst = kClient4} / Udp{.sport = i};
                     })
                .size(),
            1u);
}

// `fields: addresses`: whatever two hosts send each other takes one way, and many hosts all ways.
TEST(Ecmp, AddressesAloneMakeAFlow) {
  for (const bool symmetric : {false, true}) {
    LabOptions options = Plain();
    options.dataplane.ecmp_ports = false;
    options.dataplane.ecmp_symmetric = symmetric;
    const Ip4 ip{.src = kClient4, .dst = "10.40.0.1"};
    const auto ports = [&](uint16_t i) {
      return i % 2 == 0 ? Bytes(From(kP0) / ip / Udp{.sport = i})
                        : Bytes(From(kP0) / ip / Tcp{.dport = i});
    };
    EXPECT_EQ(PathsFor(options, ports).size(), 1u);
    const auto labels = [&](uint16_t i) {
      return Bytes(From(kP0) / Ip6{.src = kClient6, .dst = "2001:db8:40::1", .flow = i} /
                   Udp{.sport = i});
    };
    EXPECT_EQ(PathsFor(options, labels).size(), 1u);
    const auto hosts = [&](uint16_t i) {
      return From(kP0) / Ip4{.src = kClient4, .dst = "10.40.0." + std::to_string(i % 250 + 1)} /
             Udp{};
    };
    EXPECT_EQ(PathsFor(options, hosts).size(), 3u);
    PathLab lab(options);
    std::vector<Bytes> there, back;
    for (int i = 0; i < 200; ++i) {
      const std::string a = "10.41.0." + std::to_string(i + 1), b = "10.41.200.9";
      there.push_back(From(kP0) / Ip4{.src = a, .dst = b} / Udp{.sport = 7});
      back.push_back(From(kP0) / Ip4{.src = b, .dst = a} / Udp{.sport = 9});
    }
    SetRoute(lab, kFour);
    EXPECT_EQ(PathsOf(lab, there) == PathsOf(lab, back), symmetric);
  }
}

TEST(Ecmp, AllFragmentsOfADatagramTakeOnePath) {
  for (int n = 1; n < 30; ++n) {
    const Ip4 ip{.src = kClient4, .dst = "10.40.0." + std::to_string(n)};
    const Ip6 ip6{.src = kClient6, .dst = "2001:db8:40::" + std::to_string(n)};
    const auto shares4 = PathsFor(Plain(), [&](uint16_t i) {
      Ip4 fragment = ip;
      fragment.mf = i != 299;
      fragment.frag = i;
      fragment.proto = 17;
      return From(kP0) / fragment / Payload(40);
    });
    EXPECT_EQ(shares4.size(), 1u);
    if (n > 5) continue;
    const auto shares6 = PathsFor(Plain(), [&](uint16_t i) {
      return From(kP0) / ip6 / Frag6{.offset = i, .more = i != 299, .next = 17} / Payload(40);
    });
    EXPECT_EQ(shares6.size(), 1u);
  }
}

}  // namespace
}  // namespace flyover::test
