#include "tests/packets/catalogue/catalogue.h"

namespace flyover::test {
namespace {

using R = DropReason;

Ip6 ToFar(const std::string& dst = kFar6) { return {.src = kClient6, .dst = dst}; }
Packet Plain(const std::string& dst) { return From(kP0) / ToFar(dst) / Udp{} / Payload(64); }

template <typename Change>
Packet Changed(Change change, const Packet& inner) {
  Ip6 ip = ToFar();
  change(ip);
  return From(kP0) / ip / inner;
}

Packet Chain(unsigned headers) {
  Packet packet = From(kP0) / ToFar();
  for (unsigned i = 0; i < headers; ++i) packet.Append(Ext6{.kind = 60});
  packet.Append(Udp{} / Payload(8));
  return packet;
}

void Headers(std::vector<Row>& rows) {
  const Packet data = Udp{} / Payload(64);
  const auto row = [&](const char* name, const char* clause, const Packet& inner, auto change) {
    rows.push_back(Crosses(name, clause, Changed(change, inner)));
  };
  const auto drop = [&](const char* name, const char* clause, R reason, auto change) {
    rows.push_back(Drops(name, clause, Changed(change, data), reason));
  };
  const auto as_is = [](Ip6&) {};
  row("R6_forwarded", "RFC 8200 3", data, as_is);
  row("R6_hop_limit_2", "RFC 8200 3", data, [](Ip6& ip) { ip.hlim = 2; });
  row("R6_hop_limit_255", "RFC 8200 3", data, [](Ip6& ip) { ip.hlim = 255; });
  row("R6_ecn_ce", "RFC 3168", data, [](Ip6& ip) { ip.traffic_class = 3; });
  row("R6_l4_garbage", "a router needs no L4", Payload(2), [](Ip6& ip) { ip.next = 6; });
  row("R6_udp_checksum_0", "a router does not read L4", Udp{.checksum = 0} / Payload(9), as_is);
  row("R6_encapsulated", "transit is not opened", Ip4{.src = kClient4, .dst = kFar4} / Udp{},
      as_is);
  row("R6_no_payload", "RFC 8200 3", Raw{}, [](Ip6& ip) { ip.next = 59; });
  row("R6_class_and_flow", "RFC 8200 3", data,
      [](Ip6& ip) { ip.traffic_class = 0xb9, ip.flow = 0xabcde; });
  row("R6_unknown_next_header", "RFC 8200 4", Payload(20), [](Ip6& ip) { ip.next = 253; });
  row("R6_no_next_header", "RFC 8200 4.7", Payload(20), [](Ip6& ip) { ip.next = 59; });
  row("R6_payload_0", "RFC 8200 3: no jumbogram, so empty", data, [](Ip6& ip) { ip.plen = 0; });
  row("R6_trailer_is_cut", "what follows the IP packet is not sent on", data,
      [](Ip6& ip) { ip.plen = 40; });
  drop("R6_version_4", "RFC 8200 3", R::kIpv6BadVersion, [](Ip6& ip) { ip.version = 4; });
  drop("R6_version_7", "RFC 8200 3", R::kIpv6BadVersion, [](Ip6& ip) { ip.version = 7; });
  drop("R6_payload_500", "RFC 8200 3", R::kIpv6BadLength, [](Ip6& ip) { ip.plen = 500; });
  drop("R6_payload_40_too_large", "the header must not be counted twice", R::kIpv6BadLength,
       [](Ip6& ip) { ip.plen = 72 + 40; });
  drop("R6_payload_1_too_large", "RFC 8200 3", R::kIpv6BadLength, [](Ip6& ip) { ip.plen = 73; });
  drop("R6_version_0", "RFC 8200 3", R::kIpv6BadVersion, [](Ip6& ip) { ip.version = 0; });
  drop("R6_payload_65535", "RFC 8200 3", R::kIpv6BadLength, [](Ip6& ip) { ip.plen = 65535; });
}

void Extensions(std::vector<Row>& rows) {
  const auto row = [&](const char* name, const char* clause, const Packet& inner) {
    rows.push_back(Crosses(name, clause, From(kP0) / ToFar() / inner));
  };
  const auto drop = [&](const char* name, const char* clause, const Packet& inner) {
    rows.push_back(Drops(name, clause, From(kP0) / ToFar() / inner, R::kIpv6BadExtension));
  };
  row("R6_hop_by_hop", "RFC 8200 4.3: not punted", Ext6{.kind = 0} / Udp{} / Payload(8));
  row("R6_router_alert_not_for_us", "RFC 2711",
      Ext6{.kind = 0, .body = {5, 2, 0, 0, 1, 0}} / Udp{});
  row("R6_routing_header_0", "RFC 5095: transit passes",
      Ext6{.kind = 43, .body = Join({0, 1, 0, 0, 0, 0}, AddressBytes("2001:db8:7::7"))} / Udp{});
  row("R6_segment_routing", "RFC 8754: transit passes",
      Ext6{.kind = 43, .body = Join({4, 0, 0, 0, 0, 0}, AddressBytes("2001:db8:7::7"))} / Udp{});
  row("R6_authentication", "RFC 4302", Ext6{.kind = 51, .body = Bytes(22, 1)} / Tcp{});
  row("R6_encrypted", "RFC 4303", Ext6{.kind = 50, .body = Bytes(30, 1)});
  row("R6_first_fragment", "RFC 8200 4.5", Frag6{.more = true} / Udp{} / Payload(64));
  row("R6_later_fragment", "RFC 8200 4.5", Frag6{.offset = 9, .next = 17} / Payload(64));
  row("R6_atomic_fragment", "RFC 6946", Frag6{} / Udp{} / Payload(64));
  row("R6_fragment_then_extension", "RFC 8200 4.5", Frag6{.more = true} / Ext6{.kind = 60} / Udp{});
  row("R6_later_fragment_of_extension", "what follows is data",
      Frag6{.offset = 9, .next = 60} / Raw{{17, 255, 1, 2, 3, 4, 5, 6}});
  row("R6_fragment_of_greatest_offset", "RFC 8200 4.5: its length is the destination's to judge",
      Frag6{.offset = 8191, .next = 17} / Payload(64));
  row("R6_hop_by_hop_not_first", "RFC 8200 4.1: the destination's to refuse",
      Ext6{.kind = 60} / Ext6{.kind = 0} / Udp{});
  row("R6_hop_by_hop_option_length_lies", "the destination's to refuse",
      Ext6{.kind = 0, .body = {1, 200, 0, 0, 0, 0}} / Udp{});
  row("R6_two_fragment_headers", "a nested fragment",
      Frag6{.more = true} / Frag6{.offset = 3, .next = 17} / Payload(24));
  row("R6_ends_with_extension", "RFC 8200 4", Ext6{.kind = 60, .next = 59});
  for (const unsigned n : {1u, 7u, 8u, 9u, 100u}) {
    rows.push_back(Crosses("R6_chain_of_" + std::to_string(n), "bounded walk; passes", Chain(n)));
  }
  drop("R6_hop_by_hop_beyond_packet", "length lies", Ext6{.kind = 0, .length = 255} / Udp{});
  rows.push_back(Drops("R6_jumbogram", "RFC 2675: no link of ours carries one",
                       From(kP0) / Ip6{.src = kClient6, .dst = kFar6, .plen = 0} /
                           Ext6{.kind = 0, .body = {0xc2, 4, 0, 1, 0, 0}} / Udp{},
                       R::kIpv6BadExtension));
  drop("R6_destination_by_8_beyond", "length lies", Ext6{.kind = 60, .length = 2} / Udp{});
  Ip6 cut = ToFar();
  for (const uint8_t kind : std::initializer_list<uint8_t>{0, 43, 44, 51, 60}) {
    cut.next = kind;
    rows.push_back(Drops("R6_cut_in_header_" + std::to_string(kind), "7 of 8 bytes",
                         From(kP0) / cut / Raw{{17, 0, 0, 0, 0, 0, 0}}, R::kIpv6BadExtension));
  }
}

void Addresses(std::vector<Row>& rows) {
  for (const char* dst : {"::1", "::", "::ffff:10.9.0.1"}) {
    rows.push_back(Drops("R6_martian_to_" + std::to_string(rows.size()), "RFC 4291 2.5", Plain(dst),
                         R::kMartianDestination));
  }
  for (const char* src : {"::1", "::", "ff02::5", "ff0e::5", "::ffff:10.1.0.2"}) {
    rows.push_back(Drops("R6_martian_from_" + std::to_string(rows.size()), "RFC 4291 2.5, 2.7",
                         From(kP0) / Ip6{.src = src, .dst = kFar6} / Udp{}, R::kMartianSource));
  }
  rows.push_back(
      Drops("R6_unwanted_multicast", "no multicast routing", Plain("ff0e::1234"), R::kMulticast));
  for (const char* dst : {"ff01::1", "ff02::77", "ff05::1", "ff0e::1"}) {
    rows.push_back(Drops("R6_multicast_" + std::to_string(rows.size()), "no multicast routing",
                         Plain(dst), R::kMulticast));
  }
  rows.push_back(Drops("R6_echo_to_a_wide_group", "only groups of the link are ours",
                       From(kP0) / ToFar("ff0e::1") / Icmp{.type = 128, .v6 = true},
                       R::kMulticast));
  rows.push_back(Crosses("R6_unique_local", "RFC 4193: a site's business",
                         From(kP0) / Ip6{.src = "fd00::9", .dst = kFar6} / Udp{}));
  const Eth group{.dst = {0x33, 0x33, 0, 0, 0, 1}, .src = kClientMac};
  rows.push_back(Drops("R6_unicast_in_multicast_frame", "RFC 1812 5.3.4 in spirit",
                       group / ToFar() / Udp{}, R::kL2BroadcastUnicastIp));
  rows.push_back(Drops("R6_link_local_source", "RFC 4291 2.5.6; silent: no route leads back",
                       From(kP0) / Ip6{.src = "fe80::9", .dst = kFar6} / Udp{}, R::kIpv6LinkLocal));
  rows.push_back(
      Drops("R6_link_local_destination", "RFC 4291 2.5.6", Plain("fe80::99"), R::kIpv6LinkLocal));
}

void Routes(std::vector<Row>& rows) {
  rows.push_back(Crosses("R6_longest_match_48", "longest wins", Plain("2001:db8:20:2::1"), kP1));
  rows.push_back(Crosses("R6_longest_match_64", "longest wins", Plain("2001:db8:20:1::1"), kP2));
  rows.push_back(Crosses("R6_longest_match_127", "exact", Plain("2001:db8:20:1::2"), kP3));
  rows.push_back(Crosses("R6_longest_match_128", "exact", Plain("2001:db8:20:1::3"), kP1));
  rows.push_back(Crosses("R6_beside_127", "exact", Plain("2001:db8:20:1::4"), kP2));
  rows.push_back(Crosses("R6_default_route", "/1 of all", Plain("9000::1"), kP1));
  rows.push_back(Crosses("R6_on_link", "connected subnet", Plain("2001:db8:2::2"), kP1));
  const auto refused = [&](const char* name, const char* clause, const Bytes& frame, R reason,
                           uint8_t type, uint8_t code, uint32_t rest = 0) {
    rows.push_back(
        {name, clause, kP0, frame,
         Refused(reason, kP0, Icmp6Error(To(kP0), "2001:db8:1::1", type, code, rest, frame))});
  };
  refused("R6_no_route", "RFC 4443 3.1: 1/0", Plain("2001:dc0::1"), R::kNoRoute, 1, 0);
  refused("R6_unreachable_route", "1/3", Plain("2001:db8:51::1"), R::kUnreachableRoute, 1, 3);
  refused("R6_prohibit_route", "1/1", Plain("2001:db8:52::1"), R::kProhibited, 1, 1);
  refused("R6_host_is_silent", "RFC 4861 7.2.2: 1/3", Plain("2001:db8:2::66"), R::kHostUnreachable,
          1, 3);
  const Bytes silent = Plain("2001:db8:31::1");
  rows.push_back({"R6_gateway_is_silent", "RFC 4861 7.2.2: 1/3, quoted with its hop limit taken",
                  kP0, silent,
                  Refused(R::kHostUnreachable, kP0,
                          Icmp6Error(To(kP0), "2001:db8:1::1", 1, 3, 0, Routed(silent, To(kP1))))});
  rows.push_back(Drops("R6_blackhole_route", "silent", Plain("2001:db8:50::1"), R::kBlackhole));
  for (const uint8_t hlim : std::initializer_list<uint8_t>{0, 1}) {
    Ip6 ip = ToFar();
    ip.hlim = hlim;
    refused(("R6_hop_limit_" + std::to_string(hlim)).c_str(), "RFC 4443 3.3: 3/0",
            From(kP0) / ip / Udp{} / Payload(64), R::kTtlExpired, 3, 0);
  }
  refused("R6_too_big", "RFC 4443 3.2: 2/0 with the MTU; error of 1,280 bytes",
          From(kP0) / ToFar("2001:db8:8::1") / Udp{} / Payload(1452), R::kMtuExceeded, 2, 0, 1280);
  refused("R6_too_big_by_1", "RFC 4443 3.2",
          From(kP0) / ToFar("2001:db8:8::1") / Udp{} / Payload(1233), R::kMtuExceeded, 2, 0, 1280);
  rows.push_back(Crosses("R6_fits_narrow_link", "1,280 bytes",
                         From(kP0) / ToFar("2001:db8:8::1") / Udp{} / Payload(1232), kP2));
}

}  // namespace

std::vector<Row> RouterIpv6Rows() {
  std::vector<Row> rows;
  Headers(rows);
  Extensions(rows);
  Addresses(rows);
  Routes(rows);
  return rows;
}

}  // namespace flyover::test
