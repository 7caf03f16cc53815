// VLAN sub-interfaces: a port of its own behind one or two tags. IPv4 and IPv6 by the same tables.
#include <gtest/gtest.h>

#include "common/testing/packet_printer.h"
#include "tests/packets/lab/row.h"

namespace flyover::test {
namespace {

enum Family { k4, k6 };
constexpr Family kFamilies[] = {k4, k6};

// Ports by LabOptions::vlans below.
constexpr unsigned kV100 = 4, kV200 = 5, kQinq = 6, kSmall = 7, kDown = 8;

LabOptions Options(unsigned lcores = 1) {
  LabOptions options;
  options.lcores = lcores;
  options.vlans = {{.device = kP1, .outer = 100},
                   {.device = kP1, .outer = 200},
                   {.device = kP1, .outer = 300, .inner = 7},
                   {.device = kP3, .outer = 100, .mtu = 1280},
                   {.device = kP3, .outer = 4094, .up = false}};
  return options;
}

std::string Host(Family family, unsigned network, unsigned host) {
  return family == k4 ? "10." + std::to_string(network) + ".0." + std::to_string(host)
                      : "2001:db8:" + std::to_string(network) + "::" + std::to_string(host);
}
unsigned NetworkOf(unsigned port) { return port < kPorts ? port + 1 : 101 + port - kPorts; }

Packet Ip(Family family, unsigned from, unsigned to, uint8_t ttl = 64) {
  const std::string src = Host(family, NetworkOf(from), 2), dst = Host(family, NetworkOf(to), 2);
  if (family == k4) return Ip4{.src = src, .dst = dst, .ttl = ttl};
  return Ip6{.src = src, .dst = dst, .hlim = ttl};
}

unsigned DeviceOf(unsigned port) {
  return port < kPorts ? port : Options().vlans[port - kPorts].device;
}
Mac HostMac(unsigned port) {
  if (port >= kPorts) return VlanHostMac(port - kPorts);
  return port == kP0 ? kClientMac : GatewayMac(port);
}
// A frame of a port, with its tags.
Bytes Tagged(const Eth& ethernet, unsigned port, const Packet& rest) {
  if (port < kPorts) return ethernet / rest;
  const LabVlan vlan = Options().vlans[port - kPorts];
  if (vlan.inner == 0) return ethernet / Vlan{.id = vlan.outer} / rest;
  return ethernet / Vlan{.id = vlan.outer, .tpid = 0x88a8} / Vlan{.id = vlan.inner} / rest;
}
Bytes FrameFrom(unsigned port, const Packet& rest) {
  return Tagged({.dst = PortMac(DeviceOf(port)), .src = HostMac(port)}, port, rest);
}
Bytes FrameTo(unsigned port, const Packet& rest) {
  return Tagged({.dst = HostMac(port), .src = PortMac(DeviceOf(port))}, port, rest);
}

struct Way {
  const char* name;
  unsigned in, out;
};
constexpr Way kWays[] = {
    {"untagged to tagged", kP0, kV100},
    {"tagged to untagged", kV100, kP0},
    {"between VLANs of one device", kV100, kV200},
    {"to two tags", kP0, kQinq},
    {"from two tags", kQinq, kP0},
    {"one tag to two", kV200, kQinq},
    {"two tags to one", kQinq, kV200},
    {"one id on two devices", kV100, kSmall},
    {"beside the device's own port", kV100, kP1},
};

TEST(Vlan, RoutesBetweenPortsWithAndWithoutTags) {
  PathLab lab(Options());
  for (const Family family : kFamilies) {
    for (const Way& way : kWays) {
      for (const size_t length : {0u, 40u, 900u}) {
        const Packet rest = Udp{} / Payload(length);
        for (const Form& form : AllForms()) {
          SCOPED_TRACE(std::string(way.name) + (family == k4 ? " IPv4 " : " IPv6 ") + form.Name());
          const Outcome outcome = lab.Pass(
              DeviceOf(way.in), FrameFrom(way.in, Ip(family, way.in, way.out) / rest), form);
          ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
          EXPECT_EQ(outcome.sent[0].port, DeviceOf(way.out));
          EXPECT_EQ(Difference(FrameTo(way.out, Ip(family, way.in, way.out, 63) / rest),
                               outcome.sent[0].bytes),
                    "");
        }
      }
    }
  }
  lab.CheckAtRest();
}

// The device's priority bits are not part of the id; tags with id 0 do not count, wherever.
TEST(Vlan, PriorityBitsAndTagsDoNotChooseThePort) {
  PathLab lab(Options());
  const Eth in{.dst = PortMac(kP1), .src = HostMac(kV100)};
  const Packet ip = Ip(k4, kV100, kP0) / Udp{};
  const Bytes frames[] = {
      in / Vlan{.id = 100, .priority = 7} / ip,
      in / Vlan{.id = 0, .priority = 3} / Vlan{.id = 100} / ip,
      in / Vlan{.id = 100} / Vlan{.id = 0, .priority = 1} / ip,
      in / Vlan{.id = 100, .tpid = 0x88a8} / ip,
  };
  for (const Bytes& frame : frames) {
    for (const Form& form : AllForms()) {
      const Outcome outcome = lab.Pass(kP1, frame, form);
      ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
      EXPECT_EQ(Difference(To(kP0) / Ip(k4, kV100, kP0, 63) / Udp{}, outcome.sent[0].bytes), "");
    }
  }
  lab.CheckAtRest();
}

TEST(Vlan, WhatNoPortHasIsDroppedByName) {
  PathLab lab(Options());
  const Eth in{.dst = PortMac(kP1), .src = HostMac(kV100)};
  const Packet ip = Ip(k4, kV100, kP0) / Udp{};
  struct Case {
    const char* name;
    unsigned device;
    Bytes frame;
    DropReason reason;
  };
  const Case cases[] = {
      {"another id", kP1, in / Vlan{.id = 101} / ip, DropReason::kVlanUnknown},
      {"a device without VLANs", kP0,
       Eth{.dst = PortMac(kP0), .src = kClientMac} / Vlan{.id = 100} / ip,
       DropReason::kVlanUnknown},
      {"an id of the other device", kP1, in / Vlan{.id = 4094} / ip, DropReason::kVlanUnknown},
      {"one tag of two", kP1, in / Vlan{.id = 300} / ip, DropReason::kVlanUnknown},
      {"the inner tag alone", kP1, in / Vlan{.id = 7} / ip, DropReason::kVlanUnknown},
      {"a second tag too many", kP1, in / Vlan{.id = 100} / Vlan{.id = 7} / ip,
       DropReason::kVlanUnknown},
      {"tags exchanged", kP1, in / Vlan{.id = 7, .tpid = 0x88a8} / Vlan{.id = 300} / ip,
       DropReason::kVlanUnknown},
      {"three tags", kP1, in / Vlan{.id = 300, .tpid = 0x88a8} / Vlan{.id = 7} / Vlan{.id = 9} / ip,
       DropReason::kVlanUnknown},
      {"cut off in the tag", kP1, Cut(in / Vlan{.id = 100} / ip, 15), DropReason::kTruncated},
      {"cut off behind the tag", kP1, Cut(in / Vlan{.id = 100} / ip, 17), DropReason::kTruncated},
      {"cut off in the second tag", kP1,
       Cut(in / Vlan{.id = 300, .tpid = 0x88a8} / Vlan{.id = 7} / ip, 20), DropReason::kTruncated},
      {"tags without end", kP1, in / Vlan{} / Vlan{} / Vlan{} / Vlan{} / Vlan{} / Vlan{} / ip,
       DropReason::kTruncated},
      {"an administratively closed VLAN", kP3,
       Eth{.dst = PortMac(kP3), .src = HostMac(kDown)} / Vlan{.id = 4094} / ip,
       DropReason::kPortDown},
  };
  for (const Case& c : cases) {
    for (const Form& form : AllForms()) {
      SCOPED_TRACE(std::string(c.name) + " " + form.Name());
      const Outcome outcome = lab.Pass(c.device, c.frame, form);
      EXPECT_EQ(outcome.drops, (std::map<DropReason, uint64_t>{{c.reason, 1}}))
          << outcome.ToString();
      EXPECT_TRUE(outcome.sent.empty());
    }
  }
  lab.ExpectCanaryPasses();
  lab.CheckAtRest();
}

// net_af_packet and NICs with VLAN stripping hand tags over beside the frame.
TEST(Vlan, TagsThatTheDeviceTookOffCountLikeThoseInTheFrame) {
  PathLab lab(Options());
  const auto send = [&](unsigned port, const Bytes& frame, uint64_t flags, uint16_t tci,
                        uint16_t outer) {
    rte_mbuf* const m = lab.factory().Make(frame, {});
    m->ol_flags |= flags;
    m->vlan_tci = tci;
    m->vlan_tci_outer = outer;
    lab.SendMbuf(port, m);
    return lab.Settle();
  };
  constexpr uint64_t kStripped = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  constexpr uint64_t kBothStripped = kStripped | RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED;
  const Eth from100{.dst = PortMac(kP1), .src = HostMac(kV100)};
  const Eth from_qinq{.dst = PortMac(kP1), .src = HostMac(kQinq)};
  for (const Family family : kFamilies) {
    const Packet ip100 = Ip(family, kV100, kP0) / Udp{};
    const Packet ip_qinq = Ip(family, kQinq, kP0) / Udp{};
    const std::pair<Outcome, unsigned> passed[] = {
        {send(kP1, from100 / ip100, kStripped, 0xe000 | 100, 0), kV100},
        {send(kP1, from_qinq / ip_qinq, kBothStripped, 7, 300), kQinq},
        {send(kP1, from_qinq / Vlan{.id = 7} / ip_qinq, kStripped, 300, 0), kQinq},
    };
    for (const auto& [outcome, from] : passed) {
      ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
      EXPECT_EQ(Difference(To(kP0) / Ip(family, from, kP0, 63) / Udp{}, outcome.sent[0].bytes), "");
    }
    EXPECT_TRUE(send(kP0, From(kP0) / Ip(family, kP0, kV100) / Udp{}, kStripped, 100, 0)
                    .drops.contains(DropReason::kVlanUnknown));
    // A priority tag that was taken off.
    EXPECT_EQ(
        send(kP0, From(kP0) / Ip(family, kP0, kV100) / Udp{}, kStripped, 0xa000, 0).sent.size(),
        1u);
  }
  lab.CheckAtRest();
}

TEST(Vlan, ThePuntedFrameIsUntaggedAndOfItsPort) {
  PathLab lab(Options());
  for (const unsigned port : {kV100, kQinq}) {
    const Arp ask{.op = 1,
                  .sha = HostMac(port),
                  .spa = Host(k4, NetworkOf(port), 2),
                  .tpa = Host(k4, NetworkOf(port), 1)};
    const Eth broadcast{.dst = kBroadcastMac, .src = HostMac(port)};
    const Outcome arp = lab.Pass(DeviceOf(port), Tagged(broadcast, port, ask));
    ASSERT_EQ(arp.punted.size(), 1u) << arp.ToString();
    EXPECT_EQ(arp.punted[0], (SentFrame{port, Bytes(broadcast / ask)}));
    for (const Family family : kFamilies) {
      const std::string src = Host(family, NetworkOf(port), 2);
      const std::string dst = Host(family, NetworkOf(port), 1);
      const Packet ip =
          family == k4 ? Packet(Ip4{.src = src, .dst = dst}) : Packet(Ip6{.src = src, .dst = dst});
      const Outcome ssh = lab.Pass(DeviceOf(port), FrameFrom(port, ip / Tcp{.dport = 22}));
      ASSERT_EQ(ssh.punted.size(), 1u) << ssh.ToString();
      EXPECT_EQ(ssh.punted[0].port, port);
      const Eth ethernet{.dst = PortMac(DeviceOf(port)), .src = HostMac(port)};
      EXPECT_EQ(ssh.punted[0].bytes, Bytes(ethernet / ip / Tcp{.dport = 22}));
    }
  }
  lab.CheckAtRest();
}

TEST(Vlan, ErrorsComeFromTheSubInterface) {
  PathLab lab(Options());
  for (const Family family : kFamilies) {
    const Outcome dead =
        lab.Pass(kP1, FrameFrom(kQinq, Ip(family, kQinq, kP0, 1) / Udp{} / Payload(8)));
    EXPECT_EQ(dead.drops, (std::map<DropReason, uint64_t>{{DropReason::kTtlExpired, 1}}));
    ASSERT_EQ(dead.sent.size(), 1u) << dead.ToString();
    EXPECT_EQ(dead.sent[0].port, kP1);
    EXPECT_EQ(WhatIsWrongWith(dead.sent[0].bytes), std::nullopt);
    const Bytes source = AddressBytes(Host(family, NetworkOf(kQinq), 1));
    const size_t at = 14 + 8 + (family == k4 ? 12 : 8);
    EXPECT_EQ(Bytes(dead.sent[0].bytes.begin() + static_cast<long>(at),
                    dead.sent[0].bytes.begin() + static_cast<long>(at + source.size())),
              source);
    // The sub-interface has its own MTU, 1280, on a device with 9000.
    const Packet ip =
        family == k4
            ? Packet(Ip4{.src = kClient4, .dst = Host(k4, NetworkOf(kSmall), 2), .df = true})
            : Packet(Ip6{.src = kClient6, .dst = Host(k6, NetworkOf(kSmall), 2)});
    const Outcome big = lab.Pass(kP0, From(kP0) / ip / Udp{} / Payload(1300));
    EXPECT_EQ(big.drops, (std::map<DropReason, uint64_t>{{DropReason::kMtuExceeded, 1}}));
    EXPECT_EQ(big.sent.size(), 1u);
    EXPECT_EQ(lab.Pass(kP3, FrameFrom(kSmall, Ip(family, kSmall, kP0) / Payload(1290))).drops,
              (std::map<DropReason, uint64_t>{{DropReason::kRxTooBig, 1}}));
  }
  lab.CheckAtRest();
}

TEST(Vlan, SpreadsOverLcoresAndCounts) {
  PathLab lab(Options(3));
  uint64_t bytes = 0;
  constexpr unsigned kFlows = 200;
  for (const Family family : kFamilies) {
    for (unsigned n = 0; n < kFlows; ++n) {
      const Bytes frame =
          FrameFrom(kV100, Ip(family, kV100, kQinq) / Udp{.sport = static_cast<uint16_t>(n)});
      bytes += frame.size();
      lab.Send(kP1, frame);
    }
  }
  const Outcome outcome = lab.Settle();
  EXPECT_EQ(outcome.sent.size(), 2 * kFlows);
  const PortCounters in = lab.dataplane().StackedCounters(PortIndex(kV100));
  EXPECT_EQ(in.rx_packets, 2 * kFlows);
  EXPECT_EQ(in.rx_bytes, bytes);
  EXPECT_EQ(in.tx_packets, 0u);
  const PortCounters out = lab.dataplane().StackedCounters(PortIndex(kQinq));
  EXPECT_EQ(out.tx_packets, 2 * kFlows);
  EXPECT_EQ(out.tx_bytes, bytes + 2 * kFlows * 4);
  for (unsigned l = 0; l < 3; ++l) EXPECT_GT(lab.lcore(l).stats().packets.Get(), kFlows / 3);
  lab.CheckAtRest();
}

// What the kernel sends on a sub-interface's TAP gets the tags too.
TEST(Vlan, FramesOfTheControlThreadAreTagged) {
  PathLab lab(Options());
  const Bytes frame = Eth{.dst = kBroadcastMac, .src = PortMac(kP1)} /
                      Arp{.op = 1, .sha = PortMac(kP1), .spa = "10.103.0.1", .tpa = "10.103.0.9"};
  ASSERT_TRUE(lab.dataplane().Announce(PortIndex(kQinq), frame.data(),
                                       static_cast<uint16_t>(frame.size())));
  const Outcome outcome = lab.Settle();
  ASSERT_EQ(outcome.sent.size(), 1u);
  EXPECT_EQ(outcome.sent[0].port, kP1);
  EXPECT_EQ(Bytes(outcome.sent[0].bytes.begin() + 12, outcome.sent[0].bytes.begin() + 22),
            (Bytes{0x88, 0xa8, 0x01, 0x2c, 0x81, 0x00, 0x00, 0x07, 0x08, 0x06}));
}

}  // namespace
}  // namespace flyover::test
