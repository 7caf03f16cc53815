#include "tests/packets/catalogue/catalogue.h"

namespace flyover::test {
namespace {

using R = DropReason;
using P = PuntReason;

constexpr Mac kSlow = {0x01, 0x80, 0xc2, 0, 0, 0x02};
constexpr Mac kLldp = {0x01, 0x80, 0xc2, 0, 0, 0x0e};
constexpr Mac kBridge = {0x01, 0x80, 0xc2, 0, 0, 0x00};
constexpr Mac kIsis = {0x01, 0x80, 0xc2, 0, 0, 0x14};

Eth Group(const Mac& dst, uint16_t type) { return {.dst = dst, .src = kClientMac, .type = type}; }
Packet Transit() { return Ip4{.src = kClient4, .dst = kFar4} / Udp{} / Payload(64); }

void Arps(std::vector<Row>& rows) {
  const Eth broadcast{.dst = kBroadcastMac, .src = kClientMac};
  const Arp ask{.op = 1, .sha = kClientMac, .spa = kClient4, .tpa = "10.1.0.1"};
  rows.push_back(GoesUp("AR_request", "RFC 826; the kernel answers", broadcast / ask, P::kArp));
  rows.push_back(GoesUp("AR_request_to_our_mac", "a unicast probe", From(kP0) / ask, P::kArp));
  rows.push_back(
      GoesUp("AR_request_padded", "60 bytes", broadcast / ask / Raw{Bytes(18)}, P::kArp));
  Arp reply{.op = 2, .sha = kClientMac, .spa = kClient4, .tha = PortMac(kP0), .tpa = "10.1.0.1"};
  rows.push_back(GoesUp("AR_reply", "RFC 826", From(kP0) / reply, P::kArp));
  Arp gratuitous{.op = 1, .sha = kClientMac, .spa = kClient4, .tpa = kClient4};
  rows.push_back(GoesUp("AR_gratuitous_request", "RFC 5227", broadcast / gratuitous, P::kArp));
  gratuitous.op = 2;
  rows.push_back(GoesUp("AR_gratuitous_reply", "RFC 5227", broadcast / gratuitous, P::kArp));
  Arp probe = ask;
  probe.spa = "0.0.0.0";
  rows.push_back(GoesUp("AR_probe", "RFC 5227 2.1.1", broadcast / probe, P::kArp));
  Arp another = ask;
  another.tpa = "10.1.0.77";
  rows.push_back(
      GoesUp("AR_for_another_host", "the kernel keeps silent", broadcast / another, P::kArp));
  rows.push_back(GoesUp("AR_reply_broadcast", "RFC 826", broadcast / reply, P::kArp));
  Arp conflict = ask;
  conflict.spa = "10.1.0.1";
  rows.push_back(GoesUp("AR_our_address_as_sender", "RFC 5227; the kernel's to see",
                        broadcast / conflict, P::kArp));
  // The tag goes: the kernel's TAP knows no VLANs.
  rows.push_back({"AR_priority_tag", "IEEE 802.1Q: VLAN 0", kP0,
                  broadcast / Vlan{.id = 0, .priority = 5} / ask,
                  Punted(P::kArp, broadcast / ask)});

  const auto bad = [&](const char* name, const Bytes& frame) {
    rows.push_back(Drops(name, "RFC 826", frame, R::kBadArp));
  };
  const auto changed = [&](auto change) {
    Arp arp = ask;
    change(arp);
    return Bytes(broadcast / arp);
  };
  bad("AR_truncated", Cut(broadcast / ask, 14 + 12));
  bad("AR_truncated_by_1", Cut(broadcast / ask, 14 + 27));
  bad("AR_empty", Cut(broadcast / ask, 14));
  bad("AR_hwlen_16", changed([](Arp& a) { a.hlen = 16; }));
  bad("AR_plen_6", changed([](Arp& a) { a.plen = 6; }));
  bad("AR_op_3", changed([](Arp& a) { a.op = 3; }));
  bad("AR_op_0", changed([](Arp& a) { a.op = 0; }));
  bad("AR_hwtype_6", changed([](Arp& a) { a.hardware = 6; }));
  bad("AR_protocol_ipv6", changed([](Arp& a) { a.protocol = 0x86dd; }));
  bad("AR_hwlen_0", changed([](Arp& a) { a.hlen = 0; }));
  bad("AR_plen_0", changed([](Arp& a) { a.plen = 0; }));
  bad("AR_op_2_bytes_of_8", changed([](Arp& a) { a.op = 0x0201; }));
  bad("AR_sender_is_zero", changed([](Arp& a) { a.sha = {}; }));
  rows.push_back(Drops("AR_to_another_mac", "not for us",
                       Eth{.dst = PortMac(kP1), .src = kClientMac} / ask, R::kNotForUs));
  rows.push_back(Drops("AR_from_our_mac", "a loop",
                       Eth{.dst = kBroadcastMac, .src = PortMac(kP0)} / ask, R::kBadSourceMac));
  rows.push_back(
      Drops("AR_reverse", "RFC 903: not ours",
            Join(Eth{.dst = kBroadcastMac, .src = kClientMac, .type = 0x8035} / Raw{}, Bytes(46)),
            R::kUnknownEtherType));
  bad("AR_sender_is_not_the_frames", changed([](Arp& a) { a.sha = GatewayMac(kP1); }));
}

void NeighborDiscovery(std::vector<Row>& rows) {
  const Eth group{.dst = {0x33, 0x33, 0xff, 0, 0, 1}, .src = kClientMac};
  const Eth all{.dst = {0x33, 0x33, 0, 0, 0, 1}, .src = kClientMac};
  const auto nd = [](const char* src, const char* dst, uint8_t type, const Bytes& body) {
    return Ip6{.src = src, .dst = dst, .hlim = 255} / Icmp{.type = type, .v6 = true} / Raw{body};
  };
  const Bytes target = AddressBytes("2001:db8:1::1");
  const Bytes slla = {1, 1, 2, 0, 0, 0, 0, 0x0c};
  const Bytes zero_option = {1, 0, 2, 0, 0, 0, 0, 0x0c};
  const auto up = [&](const char* name, const char* clause, const Bytes& frame) {
    rows.push_back(GoesUp(name, clause, frame, P::kNeighborDiscovery));
  };
  up("ND_solicitation_multicast", "RFC 4861 7.2.2",
     group / nd(kClient6, "ff02::1:ff00:1", 135, Join(target, slla)));
  up("ND_solicitation_unicast", "RFC 4861 7.3.3",
     From(kP0) / nd(kClient6, "2001:db8:1::1", 135, Join(target, slla)));
  up("ND_duplicate_detection", "RFC 4862 5.4.2", group / nd("::", "ff02::1:ff00:1", 135, target));
  up("ND_option_of_length_0", "the kernel ignores it",
     group / nd(kClient6, "ff02::1:ff00:1", 135, Join(target, zero_option)));
  up("ND_advertisement_unsolicited", "RFC 4861 7.2.6",
     all / nd(kClient6, "ff02::1", 136, Join(AddressBytes(kClient6), slla)));
  up("ND_router_solicitation", "RFC 4861 6.1.1",
     Eth{.dst = {0x33, 0x33, 0, 0, 0, 2}, .src = kClientMac} / nd("fe80::9", "ff02::2", 133, slla));
  up("ND_advertisement_unicast", "RFC 4861 7.2.4",
     From(kP0) / nd(kClient6, "2001:db8:1::1", 136, Join(AddressBytes(kClient6), slla)));
  up("ND_redirect", "RFC 4861 8.1: the kernel ignores it",
     From(kP0) / nd("fe80::9", "2001:db8:1::1", 137, Join(target, target)));
  up("ND_option_beyond_end", "the kernel ignores it",
     group / nd(kClient6, "ff02::1:ff00:1", 135, Join(target, {1, 9, 2, 0, 0, 0, 0, 0x0c})));
  up("ND_target_is_multicast", "the kernel ignores it",
     group / nd(kClient6, "ff02::1:ff00:1", 135, AddressBytes("ff02::1")));
  up("ND_hop_limit_254", "the kernel ignores it (RFC 4861 7.1.1)",
     group / Ip6{.src = kClient6, .dst = "ff02::1:ff00:1", .hlim = 254} /
         Icmp{.type = 135, .v6 = true} / Raw{target});
  up("ND_bad_checksum", "the kernel ignores it",
     group / Ip6{.src = kClient6, .dst = "ff02::1:ff00:1", .hlim = 255} /
         Icmp{.type = 135, .checksum = 1, .v6 = true} / Raw{target});
  up("ND_router_advertisement", "never changes the FIB",
     all / nd("fe80::9", "ff02::1", 134, Bytes(8)));
  const Bytes solicitation = Eth{.dst = {0x33, 0x33, 0, 0, 0, 2}, .src = kClientMac} /
                             Ip6{.src = "fe80::9", .dst = "ff02::2", .hlim = 255, .plen = 200} /
                             Icmp{.type = 133, .v6 = true} / Raw{slla};
  rows.push_back(
      Drops("ND_router_solicitation_bad_length", "RFC 8200 3", solicitation, R::kIpv6BadLength));
  rows.push_back(Crosses("ND_types_in_transit", "not for us: forwarded as any packet",
                         From(kP0) / Ip6{.src = kClient6, .dst = kFar6} /
                             Icmp{.type = 136, .v6 = true} / Raw{target}));
}

void Vlans(std::vector<Row>& rows) {
  const Eth eth = From(kP0);
  const Bytes untagged = eth / Transit();
  rows.push_back({"VL_priority_tag", "IEEE 802.1Q: as untagged", kP0,
                  eth / Vlan{.id = 0, .priority = 5} / Transit(),
                  Forwarded(kP1, Routed(untagged, To(kP1)))});
  const Packet full = Ip4{.src = kClient4, .dst = kFar4} / Payload(1480);
  rows.push_back({"VL_priority_tag_full_mtu", "1,518 bytes", kP0, eth / Vlan{.id = 0} / full,
                  Forwarded(kP1, Routed(eth / full, To(kP1)))});
  rows.push_back(
      {"VL_priority_tag_v6", "IEEE 802.1Q: as untagged", kP0,
       eth / Vlan{.id = 0, .priority = 7} / Ip6{.src = kClient6, .dst = kFar6} / Udp{},
       Forwarded(kP1, Routed(eth / Ip6{.src = kClient6, .dst = kFar6} / Udp{}, To(kP1)))});
  rows.push_back(Drops("VL_id_4095", "IEEE 802.1Q: reserved", eth / Vlan{.id = 4095} / Transit(),
                       R::kVlanUnknown));
  rows.push_back(Drops("VL_priority_tag_beyond_mtu", "1,501 bytes behind the tag",
                       eth / Vlan{.id = 0} / Ip4{.src = kClient4, .dst = kFar4} / Payload(1481),
                       R::kRxTooBig));
  rows.push_back(Drops("VL_unknown_id", "no port takes it", eth / Vlan{.id = 100} / Transit(),
                       R::kVlanUnknown));
  rows.push_back(Drops("VL_two_tags", "IEEE 802.1ad",
                       eth / Vlan{.id = 0, .tpid = 0x88a8} / Vlan{.id = 5} / Transit(),
                       R::kVlanUnknown));
  rows.push_back(
      Drops("VL_cut_in_tag", "15 bytes", Cut(eth / Vlan{.id = 0} / Transit(), 15), R::kTruncated));
  rows.push_back(Drops("VL_nothing_behind_tag", "18 bytes",
                       Cut(eth / Vlan{.id = 0} / Transit(), 18), R::kIpv4Truncated));
  rows.push_back(Drops("VL_priority_tag_twice", "the inner tag is no protocol of ours",
                       eth / Vlan{.id = 0} / Vlan{.id = 0} / Transit(), R::kVlanUnknown));
}

void Frames(std::vector<Row>& rows) {
  const Raw body = Payload(46);
  rows.push_back(GoesUp("L2_lldp", "IEEE 802.1AB", Group(kLldp, 0x88cc) / body, P::kLinkControl));
  rows.push_back(
      GoesUp("L2_lacp", "IEEE 802.3 annex 57A", Group(kSlow, 0x8809) / body, P::kLinkControl));
  rows.push_back(
      GoesUp("L2_stp", "IEEE 802.1D", Group(kBridge, 38) / Raw{{0x42, 0x42, 3}}, P::kLinkControl));
  rows.push_back(
      GoesUp("L2_isis", "ISO 10589", Group(kIsis, 40) / Raw{{0xfe, 0xfe, 3, 0x83}}, P::kIsis));
  const auto unknown = [&](std::string name, const Bytes& frame) {
    rows.push_back(Drops(std::move(name), "not ours", frame, R::kUnknownEtherType));
  };
  unknown("L2_lldp_to_our_mac", Group(PortMac(kP0), 0x88cc) / body);
  unknown("L2_unknown_type", Group(PortMac(kP0), 0xaaaa) / body);
  unknown("L2_type_0", Group(PortMac(kP0), 0) / body);
  unknown("L2_802_3_length", Group(PortMac(kP0), 46) / body);
  unknown("L2_802_3_empty", Packet(Group(PortMac(kP0), 2)));
  unknown("L2_mpls", Group(PortMac(kP0), 0x8847) / Raw{Bytes(64 * 4, 0)});
  rows.push_back(Drops("L2_not_our_mac", "no promiscuous mode",
                       Eth{.dst = PortMac(kP1), .src = kClientMac} / Transit(), R::kNotForUs));
  rows.push_back(Drops("L2_source_is_ours", "a loop",
                       Eth{.dst = PortMac(kP0), .src = PortMac(kP0)} / Transit(),
                       R::kBadSourceMac));
  rows.push_back(Drops("L2_source_is_a_group", "IEEE 802.3",
                       Eth{.dst = PortMac(kP0), .src = {0x03, 0, 0, 0, 0, 1}} / Transit(),
                       R::kBadSourceMac));
  unknown("L2_type_ffff", Group(PortMac(kP0), 0xffff) / body);
  unknown("L2_type_0600", Group(PortMac(kP0), 0x0600) / body);
  unknown("L2_broadcast_of_unknown_type", Group(kBroadcastMac, 0xaaaa) / body);
  unknown("L2_llc_cut", Group(PortMac(kP0), 1) / Raw{{0xfe}});
  unknown("L2_snap", Group(PortMac(kP0), 40) / Raw{{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}});
  rows.push_back(Drops("L2_802_3_beyond_mtu", "an LLC frame obeys the MTU too",
                       Group(kIsis, 1499) / Raw{Join({0xfe, 0xfe}, Bytes(1499))}, R::kRxTooBig));
  for (const size_t length : {1u, 13u}) {
    rows.push_back(Drops("L2_runt_" + std::to_string(length), "inside the Ethernet header",
                         Cut(From(kP0) / Transit(), length), R::kTruncated));
  }
}

}  // namespace

std::vector<Row> LinkRows() {
  std::vector<Row> rows;
  Arps(rows);
  NeighborDiscovery(rows);
  Vlans(rows);
  Frames(rows);
  return rows;
}

}  // namespace flyover::test
