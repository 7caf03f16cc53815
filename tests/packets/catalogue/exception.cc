#include "tests/packets/catalogue/catalogue.h"

namespace flyover::test {
namespace {

using R = DropReason;
using P = PuntReason;

constexpr char kOwn4[] = "10.1.0.1";
constexpr char kOwn6[] = "2001:db8:1::1";

Packet Up4(const Packet& inner, const Ip4& ip = {.src = kClient4, .dst = kOwn4}) {
  return From(kP0) / ip / inner;
}
Packet Up6(const Packet& inner) { return From(kP0) / Ip6{.src = kClient6, .dst = kOwn6} / inner; }
Packet Group4(const char* dst, uint8_t low, Ip4 ip, const Packet& inner) {
  ip.src = kClient4;
  ip.dst = dst;
  ip.ttl = 1;
  return Eth{.dst = {0x01, 0, 0x5e, 0, 0, low}, .src = kClientMac} / ip / inner;
}
Packet Group6(const char* dst, uint8_t low, std::optional<uint8_t> next, const Packet& inner) {
  return Eth{.dst = {0x33, 0x33, 0, 0, 0, low}, .src = kClientMac} /
         Ip6{.src = "fe80::9", .dst = dst, .hlim = 1, .next = next} / inner;
}

void OwnAddresses(std::vector<Row>& rows) {
  const auto up = [&](const char* name, P reason, const Bytes& frame) {
    rows.push_back(GoesUp(name, "an address of this box", frame, reason));
  };
  up("EX_ssh", P::kSsh, Up4(Tcp{.dport = 22}));
  up("EX_ssh_reply", P::kSsh, Up4(Tcp{.sport = 22, .dport = 50000, .flags = 0x12}));
  up("EX_ssh_v6", P::kSsh, Up6(Tcp{.dport = 22}));
  up("EX_bgp", P::kRoutingProtocol, Up4(Tcp{.dport = 179}));
  up("EX_bgp_reply_v6", P::kRoutingProtocol, Up6(Tcp{.sport = 179, .dport = 50000}));
  up("EX_bfd", P::kRoutingProtocol, Up4(Udp{.dport = 3784} / Payload(24)));
  up("EX_bfd_multihop_v6", P::kRoutingProtocol, Up6(Udp{.dport = 4784} / Payload(24)));
  up("EX_ospf_unicast", P::kRoutingProtocol,
     Up4(Payload(44), {.src = kClient4, .dst = kOwn4, .proto = 89}));
  up("EX_tcp", P::kLocal, Up4(Tcp{.dport = 8080}));
  up("EX_udp", P::kLocal, Up4(Udp{.dport = 161} / Payload(10)));
  up("EX_echo", P::kLocal, Up4(Icmp{} / Payload(56)));
  up("EX_echo_bad_checksum", P::kLocal, Up4(Icmp{.checksum = 1} / Payload(56)));
  up("EX_echo_v6", P::kLocal, Up6(Icmp{.type = 128, .v6 = true} / Payload(56)));
  up("EX_echo_to_another_port", P::kLocal, Up4(Icmp{}, {.src = kClient4, .dst = "10.2.0.1"}));
  up("EX_echo_link_local", P::kLocal,
     From(kP0) / Ip6{.src = "fe80::9", .dst = "fe80::1"} / Icmp{.type = 128, .v6 = true});
  up("EX_ttl_1", P::kLocal, Up4(Udp{}, {.src = kClient4, .dst = kOwn4, .ttl = 1}));
  up("EX_first_fragment", P::kLocal,
     Up4(Icmp{} / Payload(56), {.src = kClient4, .dst = kOwn4, .mf = true}));
  up("EX_later_fragment", P::kLocal,
     Up4(Payload(64), {.src = kClient4, .dst = kOwn4, .frag = 8, .proto = 1}));
  up("EX_later_fragment_v6", P::kLocal, Up6(Frag6{.offset = 8, .next = 17} / Payload(64)));
  up("EX_overlapping_fragment", P::kLocal,
     Up4(Payload(64), {.src = kClient4, .dst = kOwn4, .frag = 1, .proto = 17}));
  up("EX_tcp_garbage", P::kLocal, Up4(Payload(2), {.src = kClient4, .dst = kOwn4, .proto = 6}));
  up("EX_ipip", P::kLocal, Up4(Ip4{.src = kClient4, .dst = kFar4} / Udp{}));
  up("EX_echo_reply", P::kLocal, Up4(Icmp{.type = 0} / Payload(56)));
  up("EX_icmp_error", P::kLocal,
     Up4(Icmp{.type = 3, .code = 1} / Ip4{.src = kOwn4, .dst = kFar4} / Udp{}));
  up("EX_packet_too_big", P::kLocal,
     Up6(Icmp{.type = 2, .rest = 1280, .v6 = true} / Ip6{.src = kOwn6, .dst = kFar6} / Udp{}));
  up("EX_hop_limit_1", P::kLocal,
     From(kP0) / Ip6{.src = kClient6, .dst = kOwn6, .hlim = 1} / Udp{});
  up("EX_ttl_0", P::kLocal, Up4(Udp{}, {.src = kClient4, .dst = kOwn4, .ttl = 0}));
  up("EX_options", P::kLocal,
     Up4(Udp{}, {.src = kClient4, .dst = kOwn4, .options = {148, 4, 0, 0}}));
  up("EX_esp", P::kLocal, Up4(Payload(40), {.src = kClient4, .dst = kOwn4, .proto = 50}));
  up("EX_no_next_header", P::kLocal,
     From(kP0) / Ip6{.src = kClient6, .dst = kOwn6, .next = 59} / Payload(10));
  up("EX_bfd_echo", P::kRoutingProtocol, Up4(Udp{.dport = 3785} / Payload(24)));
  up("EX_vrrp_unicast", P::kRoutingProtocol,
     Up4(Payload(20), {.src = kClient4, .dst = kOwn4, .proto = 112}));
  up("EX_neighbor_solicitation_of_cut_icmp", P::kLocal,
     From(kP0) / Ip6{.src = kClient6, .dst = kOwn6, .hlim = 255, .next = 58} / Payload(3));
  up("EX_gre_cut", P::kLocal,
     Up4(Raw{{0xb0, 0, 8, 0}}, {.src = kClient4, .dst = kOwn4, .proto = 47}));
  const Bytes padded = Join(Up4(Icmp{}), Bytes(18));
  rows.push_back({"EX_padding_is_cut", "60 bytes", kP0, padded, Punted(P::kLocal, Up4(Icmp{}))});
}

void Groups(std::vector<Row>& rows) {
  const auto up = [&](const char* name, const char* clause, const Bytes& frame,
                      P reason = P::kControlMulticast) {
    rows.push_back(GoesUp(name, clause, frame, reason));
  };
  up("EX_ospf", "RFC 2328", Group4("224.0.0.5", 5, {.proto = 89}, Payload(44)));
  up("EX_ospf_v6", "RFC 5340", Group6("ff02::5", 5, 89, Payload(36)));
  up("EX_vrrp", "RFC 5798", Group4("224.0.0.18", 18, {.proto = 112}, Payload(20)));
  up("EX_pim", "RFC 7761", Group4("224.0.0.13", 13, {.proto = 103}, Payload(8)));
  up("EX_igmp", "RFC 3376",
     Group4("224.0.0.22", 22, {.proto = 2, .options = {148, 4, 0, 0}}, Payload(16)));
  up("EX_rip", "RFC 2453",
     Group4("224.0.0.9", 9, {}, Udp{.sport = 520, .dport = 520} / Payload(24)));
  up("EX_ripng", "RFC 2080",
     Group6("ff02::9", 9, std::nullopt, Udp{.sport = 521, .dport = 521} / Payload(24)));
  up("EX_ospf_designated", "RFC 2328", Group4("224.0.0.6", 6, {.proto = 89}, Payload(44)));
  up("EX_igmp_query", "RFC 3376: to all hosts", Group4("224.0.0.1", 1, {.proto = 2}, Payload(12)));
  up("EX_vrrp_v6", "RFC 5798", Group6("ff02::12", 0x12, 112, Payload(24)));
  up("EX_pim_v6", "RFC 7761", Group6("ff02::d", 0x0d, 103, Payload(8)));
  up("EX_mld_query", "RFC 3810",
     Group6("ff02::1", 1, std::nullopt,
            Ext6{.kind = 0, .body = {5, 2, 0, 0, 1, 0}} / Icmp{.type = 130, .v6 = true} /
                Payload(20)));
  up("EX_ldp", "RFC 5036",
     Group4("224.0.0.2", 2, {}, Udp{.sport = 646, .dport = 646} / Payload(30)));
  up("EX_mld_report", "RFC 3810: hop-by-hop with router alert",
     Group6("ff02::16", 0x16, std::nullopt,
            Ext6{.kind = 0, .body = {5, 2, 0, 0, 1, 0}} / Icmp{.type = 143, .v6 = true} /
                Payload(20)));
  up("EX_echo_to_all_nodes", "RFC 4443 4.2",
     Group6("ff02::1", 1, std::nullopt, Icmp{.type = 128, .v6 = true} / Payload(8)), P::kLocal);
  rows.push_back(Drops("EX_mdns", "nobody here listens",
                       Group4("224.0.0.251", 251, {}, Udp{.sport = 5353, .dport = 5353}),
                       R::kMulticast));
  rows.push_back(Drops("EX_mdns_v6", "nobody here listens",
                       Group6("ff02::fb", 0xfb, std::nullopt, Udp{.sport = 5353, .dport = 5353}),
                       R::kMulticast));
  rows.push_back(Drops("EX_icmpv6_cut_to_a_group", "no type to read",
                       Group6("ff02::1", 1, 58, Payload(3)), R::kMulticast));
  rows.push_back(Drops("EX_fragment_of_ospf_port", "a later fragment has no port",
                       Group4("224.0.0.9", 9, {.frag = 5, .proto = 17}, Payload(16)),
                       R::kMulticast));
}

void Dhcp(std::vector<Row>& rows) {
  const Eth broadcast{.dst = kBroadcastMac, .src = kClientMac};
  const auto up = [&](const char* name, const Bytes& frame) {
    rows.push_back(GoesUp(name, "RFC 2131, RFC 8415", frame, P::kDhcp));
  };
  up("EX_dhcp_discover", broadcast / Ip4{.src = "0.0.0.0", .dst = "255.255.255.255"} /
                             Udp{.sport = 68, .dport = 67} / Payload(240));
  up("EX_dhcp_offer", broadcast / Ip4{.src = kClient4, .dst = "255.255.255.255"} /
                          Udp{.sport = 67, .dport = 68} / Payload(240));
  up("EX_dhcp_request_to_us", Up4(Udp{.sport = 68, .dport = 67} / Payload(240)));
  // A client of this box whose address is not configured yet.
  const auto reply = [](const Mac& client) {
    const Bytes front = {2, 1, 6, 0, 1, 2, 3, 4};
    const Bytes hardware(client.begin(), client.end());
    return Udp{.sport = 67, .dport = 68} /
           Raw{Join(Join(Join(front, Bytes(20)), hardware), Bytes(200))};
  };
  const Ip4 offer{.src = kClient4, .dst = "10.9.0.77"};
  up("EX_dhcp_offer_to_our_mac", From(kP0) / offer / reply(PortMac(kP0)));
  up("EX_dhcp_offer_in_broadcast_frame", broadcast / offer / reply(kClientMac));
  rows.push_back(Crosses("EX_dhcp_reply_in_transit", "to a client behind us",
                         From(kP0) / offer / reply(kClientMac)));
  rows.push_back(Crosses("EX_dhcp_reply_cut", "no client to read",
                         From(kP0) / offer / Udp{.sport = 67, .dport = 68} / Payload(20)));
  rows.push_back(Crosses("EX_dhcp_request_in_transit", "to a server behind us",
                         From(kP0) / offer / Udp{.sport = 68, .dport = 67} / Payload(240)));
  rows.push_back(Drops("EX_dhcp_request_in_broadcast_frame", "RFC 1812 5.3.4",
                       broadcast / offer / Udp{.sport = 68, .dport = 67} / Payload(240),
                       R::kL2BroadcastUnicastIp));
  up("EX_dhcp_v6",
     Group6("ff02::1:2", 2, std::nullopt, Udp{.sport = 546, .dport = 547} / Payload(40)));
}

}  // namespace

std::vector<Row> ExceptionRows() {
  std::vector<Row> rows;
  OwnAddresses(rows);
  Groups(rows);
  Dhcp(rows);
  return rows;
}

}  // namespace flyover::test
