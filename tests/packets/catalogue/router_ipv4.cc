#include "tests/packets/catalogue/catalogue.h"

namespace flyover::test {
namespace {

using R = DropReason;

Ip4 ToFar(const std::string& dst = kFar4) { return {.src = kClient4, .dst = dst}; }

template <typename Change>
Packet Changed(Change change, const Packet& inner) {
  Ip4 ip = ToFar();
  change(ip);
  return From(kP0) / ip / inner;
}

Packet Plain(const std::string& dst) { return From(kP0) / ToFar(dst) / Udp{} / Payload(64); }

void Headers(std::vector<Row>& rows) {
  const Packet data = Udp{} / Payload(64);
  const auto row = [&](const char* name, const char* clause, auto change) {
    rows.push_back(Crosses(name, clause, Changed(change, data)));
  };
  const auto drop = [&](const char* name, const char* clause, R reason, auto change) {
    rows.push_back(Drops(name, clause, Changed(change, data), reason));
  };
  row("R4_forwarded", "RFC 1812 5.2", [](Ip4&) {});
  row("R4_ttl_2", "RFC 1812 5.3.1", [](Ip4& ip) { ip.ttl = 2; });
  row("R4_ttl_255", "RFC 1812 5.3.1", [](Ip4& ip) { ip.ttl = 255; });
  row("R4_reserved_bit", "RFC 791 3.1", [](Ip4& ip) { ip.evil = true; });
  row("R4_id_0", "RFC 6864", [](Ip4& ip) { ip.id = 0; });
  row("R4_protocol_0", "RFC 791", [](Ip4& ip) { ip.proto = 0; });
  row("R4_protocol_255", "RFC 791", [](Ip4& ip) { ip.proto = 255; });
  row("R4_tos_ff", "RFC 2474, RFC 3168", [](Ip4& ip) { ip.tos = 0xff; });
  row("R4_dont_fragment", "RFC 791", [](Ip4& ip) { ip.df = true; });
  row("R4_first_fragment", "RFC 791", [](Ip4& ip) { ip.mf = true; });
  row("R4_middle_fragment", "RFC 791", [](Ip4& ip) { ip.mf = true, ip.frag = 100; });
  row("R4_last_fragment", "RFC 791", [](Ip4& ip) { ip.frag = 185; });
  row("R4_record_route", "RFC 791; options pass unread",
      [](Ip4& ip) { ip.options = {7, 7, 4, 0, 0, 0, 0}; });
  row("R4_timestamp", "RFC 791", [](Ip4& ip) { ip.options = {68, 8, 5, 0, 0, 0, 0, 0}; });
  row("R4_router_alert", "RFC 2113; not for us", [](Ip4& ip) { ip.options = {148, 4, 0, 0}; });
  row("R4_options_40", "RFC 791", [](Ip4& ip) { ip.options = Bytes(40, 1); });
  row("R4_options_end_early", "RFC 791", [](Ip4& ip) { ip.options = {0, 131, 3, 4}; });

  drop("R4_checksum_0x0190", "RFC 1812 5.2.2 (2)", R::kIpv4BadChecksum,
       [](Ip4& ip) { ip.checksum = 0x0190; });
  drop("R4_version_3", "RFC 1812 5.2.2 (3)", R::kIpv4BadVersion, [](Ip4& ip) { ip.version = 3; });
  drop("R4_version_6", "RFC 1812 5.2.2 (3)", R::kIpv4BadVersion, [](Ip4& ip) { ip.version = 6; });
  for (const uint8_t ihl : std::initializer_list<uint8_t>{0, 3, 4}) {
    drop(("R4_ihl_" + std::to_string(ihl)).c_str(), "RFC 1812 5.2.2 (4)", R::kIpv4BadIhl,
         [&](Ip4& ip) { ip.ihl = ihl; });
  }
  drop("R4_length_19", "RFC 1812 5.2.2 (5)", R::kIpv4BadLength, [](Ip4& ip) { ip.length = 19; });
  drop("R4_length_0", "RFC 1812 5.2.2 (5)", R::kIpv4BadLength, [](Ip4& ip) { ip.length = 0; });
  drop("R4_length_65535", "RFC 1812 5.2.2 (5)", R::kIpv4BadLength,
       [](Ip4& ip) { ip.length = 65535; });
  drop("R4_length_one_more", "RFC 1812 5.2.2 (5)", R::kIpv4BadLength,
       [](Ip4& ip) { ip.length = 20 + 8 + 64 + 1; });
  drop("R4_length_below_options", "RFC 1812 5.2.2 (5)", R::kIpv4BadLength,
       [](Ip4& ip) { ip.options = Bytes(8, 1), ip.length = 27; });
  rows.push_back(Drops("R4_ihl_beyond_packet", "RFC 1812 5.2.2 (4)",
                       Changed([](Ip4& ip) { ip.ihl = 15; }, Udp{}), R::kIpv4BadIhl));
  drop("R4_loose_source_route", "RFC 7126 4.3", R::kIpv4SourceRoute,
       [](Ip4& ip) { ip.options = {131, 7, 4, 1, 2, 3, 4}; });
  drop("R4_strict_source_route", "RFC 7126 4.4", R::kIpv4SourceRoute,
       [](Ip4& ip) { ip.options = {1, 137, 7, 4, 1, 2, 3, 4}; });
  drop("R4_option_length_0", "RFC 791", R::kIpv4BadOption, [](Ip4& ip) {
    ip.options = {7, 0, 4, 0};
  });
  drop("R4_option_length_1", "RFC 791", R::kIpv4BadOption, [](Ip4& ip) {
    ip.options = {7, 1, 4, 0};
  });
  drop("R4_option_beyond_header", "RFC 791", R::kIpv4BadOption,
       [](Ip4& ip) { ip.options = {7, 9, 4, 0, 0, 0, 0, 0}; });
  drop("R4_option_without_length", "RFC 791", R::kIpv4BadOption, [](Ip4& ip) {
    ip.options = {1, 1, 1, 7};
  });
  drop("R4_fragment_beyond_65535", "RFC 791; ping of death", R::kFragmentTooLong,
       [](Ip4& ip) { ip.frag = 8189; });

  rows.push_back(Crosses("R4_fragment_up_to_65535", "RFC 791",
                         Changed([](Ip4& ip) { ip.frag = 8189; }, Payload(3))));
  rows.push_back(Crosses("R4_l4_garbage", "a router needs no L4",
                         Changed([](Ip4& ip) { ip.proto = 6; }, Payload(2))));
  rows.push_back(Crosses("R4_no_payload", "RFC 791", Changed([](Ip4&) {}, Raw{})));
  rows.push_back(Crosses("R4_udp_checksum_wrong", "a router does not read L4",
                         Changed([](Ip4&) {}, Udp{.checksum = 0x1111} / Payload(9))));
  rows.push_back(Crosses("R4_tcp_data_offset_0", "a router does not read L4",
                         Changed([](Ip4&) {}, Tcp{.data_offset = 0})));
  rows.push_back(Crosses("R4_unknown_option", "RFC 1812 5.2.4: ignored",
                         Changed(
                             [](Ip4& ip) {
                               ip.options = {158, 4, 9, 9};
                             },
                             Udp{})));
  rows.push_back(Crosses("R4_encapsulated", "transit is not opened",
                         From(kP0) / ToFar() / ToFar("10.9.0.2") / Udp{}));
}

void Lengths(std::vector<Row>& rows) {
  Ip4 shorter = ToFar();
  shorter.length = 40;
  const Bytes trailer = From(kP0) / shorter / Udp{.sport = 1, .length = 20} / Payload(112);
  rows.push_back(
      Crosses("R4_trailer_is_cut", "what follows the IP packet is not sent on", trailer));
  const Bytes small = From(kP0) / ToFar() / Udp{};
  rows.push_back({"R4_ethernet_padding", "IEEE 802.3: 60 bytes at least", kP0,
                  Join(small, Bytes(60 - small.size(), 0xee)),
                  Forwarded(kP1, Routed(small, To(kP1)))});
  rows.push_back(Crosses("R4_full_mtu", "1,500 bytes", From(kP0) / ToFar() / Payload(1480)));
  rows.push_back(Drops("R4_frame_beyond_mtu", "port MTU 1,500",
                       From(kP1) / ToFar(kClient4) / Payload(1600), R::kRxTooBig, kP1));
  const Bytes jumbo =
      From(kP3) / Ip4{.src = "10.4.0.2", .dst = "10.10.0.1"} / Udp{} / Payload(8972);
  rows.push_back({"R4_jumbo", "9,000 bytes in many segments", kP3, jumbo,
                  Forwarded(kP3, Routed(jumbo, To(kP3)))});
  rows.push_back(Drops("R4_frame_beyond_mtu_by_1", "1,501 bytes of IP, to a wide link",
                       From(kP1) / ToFar("10.10.0.1") / Payload(1481), R::kRxTooBig, kP1));
  const Bytes options_and_trailer =
      Join(From(kP0) / Ip4{.src = kClient4, .dst = kFar4, .options = {7, 7, 4, 0, 0, 0, 0}} / Udp{},
           Bytes(20, 0xee));
  rows.push_back(Crosses("R4_options_and_trailer", "RFC 791", options_and_trailer));
  rows.push_back(Drops("R4_jumbo_beyond_mtu", "port MTU 9,000",
                       From(kP3) / Ip4{.src = "10.4.0.2", .dst = "10.10.0.1"} / Payload(9182),
                       R::kRxTooBig, kP3));
  rows.push_back(Crosses("MT_fits_narrow_link", "1,280 bytes",
                         From(kP0) / ToFar("10.8.0.1") / Payload(1260), kP2));
  Ip4 whole = ToFar("10.8.0.1");
  whole.df = true;
  const Bytes big = From(kP0) / whole / Payload(1261);
  rows.push_back({"MT_too_big_df", "RFC 1191 4", kP0, big,
                  Refused(R::kMtuExceeded, kP0, Icmp4Error(To(kP0), "10.1.0.1", 3, 4, 1280, big))});
}

void Addresses(std::vector<Row>& rows) {
  for (const char* dst :
       {"127.0.0.1", "127.255.255.255", "0.0.0.0", "240.0.0.1", "0.1.2.3", "255.255.255.254"}) {
    rows.push_back(Drops("R4_martian_to_" + std::to_string(rows.size()), "RFC 1812 5.3.7",
                         Plain(dst), R::kMartianDestination));
  }
  for (const char* src : {"127.0.0.1", "0.0.0.0", "0.1.2.3", "127.1.2.3", "224.0.0.1",
                          "239.255.255.255", "240.0.0.1", "255.255.255.255"}) {
    const Bytes frame = From(kP0) / Ip4{.src = src, .dst = kFar4} / Udp{};
    rows.push_back(Drops("R4_martian_from_" + std::to_string(rows.size()), "RFC 1812 5.3.7", frame,
                         R::kMartianSource));
  }
  const Eth broadcast{.dst = kBroadcastMac, .src = kClientMac};
  const Eth group{.dst = {0x01, 0, 0x5e, 0, 0, 1}, .src = kClientMac};
  rows.push_back(Drops("R4_limited_broadcast", "RFC 1812 5.3.5",
                       broadcast / ToFar("255.255.255.255") / Udp{}, R::kIpBroadcast));
  rows.push_back(Drops("R4_limited_broadcast_to_our_mac", "RFC 1812 5.3.5",
                       Plain("255.255.255.255"), R::kIpBroadcast));
  rows.push_back(Drops("R4_directed_broadcast", "RFC 2644", Plain("10.2.0.255"), R::kIpBroadcast));
  rows.push_back(Drops("R4_unicast_in_broadcast_frame", "RFC 1812 5.3.4",
                       broadcast / ToFar() / Udp{}, R::kL2BroadcastUnicastIp));
  rows.push_back(Drops("R4_unicast_in_multicast_frame", "RFC 1812 5.3.4", group / ToFar() / Udp{},
                       R::kL2BroadcastUnicastIp));
  rows.push_back(Drops("R4_multicast_of_the_link", "RFC 1812 5.2.1.3: 224.0.0.0/24 stays",
                       Eth{.dst = {0x01, 0, 0x5e, 0, 0, 77}, .src = kClientMac} /
                           Ip4{.src = kClient4, .dst = "224.0.0.77", .ttl = 1} / Udp{},
                       R::kMulticast));
  rows.push_back(Drops("R4_echo_to_all_hosts", "RFC 1122 3.2.2.6: silently discarded",
                       group / ToFar("224.0.0.1") / Icmp{}, R::kMulticast));
  rows.push_back(Drops("R4_echo_to_directed_broadcast", "RFC 2644: nobody is amplified",
                       Plain("10.1.0.255"), R::kIpBroadcast));
  rows.push_back(Drops("R4_unwanted_multicast", "no multicast routing",
                       group / ToFar("239.1.1.1") / Udp{}, R::kMulticast));
}

void Routes(std::vector<Row>& rows) {
  rows.push_back(Crosses("R4_longest_match_16", "RFC 1812 5.2.4.3", Plain("10.20.2.1"), kP1));
  rows.push_back(Crosses("R4_longest_match_24", "RFC 1812 5.2.4.3", Plain("10.20.1.2"), kP2));
  rows.push_back(Crosses("R4_longest_match_32", "RFC 1812 5.2.4.3", Plain("10.20.1.1"), kP3));
  rows.push_back(Crosses("R4_default_route", "RFC 1812 5.2.4", Plain("200.1.2.3"), kP1));
  rows.push_back(Crosses("R4_ipv6_next_hop", "RFC 8950", Plain("10.21.0.1"), kP1));
  rows.push_back(Crosses("R4_on_link", "connected subnet", Plain("10.2.0.2"), kP1));
  const Bytes back = From(kP1) / Ip4{.src = kFar4, .dst = kClient4} / Udp{};
  rows.push_back({"R4_towards_the_client", "the other direction", kP1, back,
                  Forwarded(kP0, Routed(back, To(kP0)))});
  const Bytes reply =
      From(kP1) / Ip4{.src = kVipDsr4, .dst = kClient4} / Tcp{.sport = 80, .dport = 40000};
  rows.push_back({"R4_reply_with_a_vip_as_source", "L2-DSR replies through us", kP1, reply,
                  Forwarded(kP0, Routed(reply, To(kP0)))});
  const auto refused = [&](const char* name, const char* clause, const char* dst, R reason,
                           uint8_t code) {
    const Bytes frame = Plain(dst);
    rows.push_back({name, clause, kP0, frame,
                    Refused(reason, kP0, Icmp4Error(To(kP0), "10.1.0.1", 3, code, 0, frame))});
  };
  refused("R4_no_route", "RFC 1812 5.2.7.1: 3/0", "100.64.0.1", R::kNoRoute, 0);
  refused("R4_unreachable_route", "3/1", "10.51.0.1", R::kUnreachableRoute, 1);
  refused("R4_prohibit_route", "RFC 1812 5.2.7.1: 3/13", "10.52.0.1", R::kProhibited, 13);
  refused("R4_host_is_silent", "RFC 1812 3.3.2: 3/1", "10.2.0.66", R::kHostUnreachable, 1);
  const Bytes silent = Plain("10.31.0.1");
  rows.push_back({"R4_gateway_is_silent", "RFC 1812 3.3.2: 3/1, quoted with its TTL taken", kP0,
                  silent,
                  Refused(R::kHostUnreachable, kP0,
                          Icmp4Error(To(kP0), "10.1.0.1", 3, 1, 0, Routed(silent, To(kP1))))});
  rows.push_back(Drops("R4_blackhole_route", "silent", Plain("10.50.0.1"), R::kBlackhole));
}

}  // namespace

std::vector<Row> RouterIpv4Rows() {
  std::vector<Row> rows;
  Headers(rows);
  Lengths(rows);
  Addresses(rows);
  Routes(rows);
  return rows;
}

}  // namespace flyover::test
