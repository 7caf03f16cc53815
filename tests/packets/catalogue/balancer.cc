#include "tests/packets/catalogue/catalogue.h"

namespace flyover::test {
namespace {

using R = DropReason;

Ip4 Vip4(const char* vip) { return {.src = kClient4, .dst = vip}; }
Ip6 Vip6(const char* vip) { return {.src = kClient6, .dst = vip}; }
Packet Syn4(const char* vip) { return From(kP0) / Vip4(vip) / Tcp{}; }
Packet Syn6(const char* vip) { return From(kP0) / Vip6(vip) / Tcp{}; }

// The same IP bytes to any of the backends.
Want Direct(const Bytes& frame) {
  std::vector<Bytes> any_of;
  for (unsigned n = 11; n <= 14; ++n) any_of.push_back(Readdressed(frame, ToBackend(n)));
  return Balanced(any_of, false);
}

struct Outer {
  uint8_t tos = 0;
  bool df = false;
};
// The IP packet of `frame`, bytes unchanged, behind an outer header to any of the backends.
Want Tunnelled4(const Bytes& frame, const Outer& outer) {
  const Bytes inner = L3Of(frame);
  std::vector<Bytes> any_of;
  for (unsigned n = 11; n <= 14; ++n) {
    any_of.push_back(ToBackend(n) /
                     Ip4{.src = kTunnel4,
                         .dst = Backend4(n),
                         .tos = outer.tos,
                         .df = outer.df,
                         .ttl = 64,
                         .proto = inner[0] >> 4 == 6 ? uint8_t{41} : uint8_t{4}} /
                     Raw{inner});
  }
  return Balanced(any_of, true);
}
Want Tunnelled6(const Bytes& frame, uint8_t traffic_class) {
  const Bytes inner = L3Of(frame);
  std::vector<Bytes> any_of;
  for (unsigned n = 11; n <= 14; ++n) {
    any_of.push_back(ToBackend(n) /
                     Ip6{.src = kTunnel6,
                         .dst = Backend6(n),
                         .traffic_class = traffic_class,
                         .hlim = 64,
                         .next = inner[0] >> 4 == 6 ? uint8_t{41} : uint8_t{4}} /
                     Raw{inner});
  }
  return Balanced(any_of, true);
}

void Modes(std::vector<Row>& rows) {
  const auto row = [&](const char* name, const char* clause, const Bytes& frame, Want want) {
    rows.push_back({name, clause, kP0, frame, std::move(want)});
  };
  const auto direct = [&](const char* name, const char* clause, const Bytes& frame) {
    row(name, clause, frame, Direct(frame));
  };
  direct("LB_l2dsr_v4", "only MACs change", Syn4(kVipDsr4));
  direct("LB_l2dsr_v6", "only MACs change", Syn6(kVipDsr6));
  direct("LB_l2dsr_udp", "only MACs change",
         From(kP0) / Vip4(kVipDsr4) / Udp{.dport = 53} / Payload(30));
  Ip4 dying = Vip4(kVipDsr4);
  dying.ttl = 1;
  direct("LB_l2dsr_ttl_1", "the balancer is no hop", From(kP0) / dying / Tcp{});
  direct("LB_l2dsr_full_mtu", "1,500 bytes", From(kP0) / Vip4(kVipDsr4) / Tcp{} / Payload(1460));
  Ip4 options = Vip4(kVipDsr4);
  options.options = {7, 7, 4, 0, 0, 0, 0};
  direct("LB_l2dsr_options", "L4 is found behind them", From(kP0) / options / Tcp{});
  direct("LB_l2dsr_extension", "L4 is found behind it",
         From(kP0) / Vip6(kVipDsr6) / Ext6{.kind = 60} / Tcp{});

  row("LB_4in4", "RFC 2003", Syn4(kVip44), Tunnelled4(Syn4(kVip44), {}));
  row("LB_4in6", "RFC 2473", Syn4(kVip46), Tunnelled6(Syn4(kVip46), 0));
  row("LB_6in6", "RFC 2473", Syn6(kVip66), Tunnelled6(Syn6(kVip66), 0));
  row("LB_6in4", "RFC 4213; DF: no router may cut it", Syn6(kVip64),
      Tunnelled4(Syn6(kVip64), {.df = true}));
  row("LB_vip_on_link", "the kernel has the address too", Syn4(kVipOnLink4),
      Tunnelled4(Syn4(kVipOnLink4), {}));
  row("LB_vip_on_link_v6", "the kernel has the address too", Syn6(kVipOnLink6),
      Tunnelled6(Syn6(kVipOnLink6), 0));
  const Bytes hairpin = Eth{.dst = PortMac(kP1), .src = BackendMac(12)} /
                        Ip4{.src = "10.2.0.12", .dst = kVip44} / Tcp{};
  rows.push_back({"LB_backend_to_its_own_vip", "balanced as any client's", kP1, hairpin,
                  Tunnelled4(hairpin, {})});
  const Bytes dns = From(kP0) / Vip4(kVip44) / Udp{.dport = 53} / Payload(30);
  row("LB_4in4_udp", "RFC 2003", dns, Tunnelled4(dns, {}));

  for (const uint8_t tos : std::initializer_list<uint8_t>{0x8c, 0x8f, 0x03, 0x01}) {
    const std::string suffix = std::to_string(tos);
    Ip4 ip4 = Vip4(kVip44);
    ip4.tos = tos;
    row(("LB_4in4_tos_" + suffix).c_str(), "RFC 2983, RFC 6040: copied", From(kP0) / ip4 / Tcp{},
        Tunnelled4(From(kP0) / ip4 / Tcp{}, {.tos = tos}));
    ip4.dst = kVip46;
    row(("LB_4in6_tos_" + suffix).c_str(), "RFC 2983, RFC 6040: copied", From(kP0) / ip4 / Tcp{},
        Tunnelled6(From(kP0) / ip4 / Tcp{}, tos));
    Ip6 ip6 = Vip6(kVip66);
    ip6.traffic_class = tos;
    row(("LB_6in6_tos_" + suffix).c_str(), "RFC 2983, RFC 6040: copied", From(kP0) / ip6 / Tcp{},
        Tunnelled6(From(kP0) / ip6 / Tcp{}, tos));
    ip6.dst = kVip64;
    row(("LB_6in4_tos_" + suffix).c_str(), "RFC 2983, RFC 6040: copied", From(kP0) / ip6 / Tcp{},
        Tunnelled4(From(kP0) / ip6 / Tcp{}, {.tos = tos, .df = true}));
  }
  Ip4 df = Vip4(kVip44);
  df.df = true;
  row("LB_4in4_df", "RFC 2003 3.1: DF is copied", From(kP0) / df / Tcp{},
      Tunnelled4(From(kP0) / df / Tcp{}, {.df = true}));
  Ip4 last = Vip4(kVip44);
  last.ttl = 1;
  row("LB_4in4_ttl_1", "the balancer does not decrement", From(kP0) / last / Tcp{},
      Tunnelled4(From(kP0) / last / Tcp{}, {}));
  last.ttl = 255;
  row("LB_4in4_ttl_255", "the balancer does not decrement", From(kP0) / last / Tcp{},
      Tunnelled4(From(kP0) / last / Tcp{}, {}));
  Ip6 last6 = Vip6(kVip66);
  last6.hlim = 1;
  row("LB_6in6_hop_limit_1", "the balancer does not decrement", From(kP0) / last6 / Tcp{},
      Tunnelled6(From(kP0) / last6 / Tcp{}, 0));
  Ip6 labelled = Vip6(kVip66);
  labelled.flow = 0x12345;
  row("LB_6in6_flow_label", "the inner one stays (RFC 6438 3)", From(kP0) / labelled / Tcp{},
      Tunnelled6(From(kP0) / labelled / Tcp{}, 0));
  Ip4 optional = Vip4(kVip44);
  optional.options = {7, 7, 4, 0, 0, 0, 0};
  row("LB_4in4_options", "the outer header has none", From(kP0) / optional / Tcp{},
      Tunnelled4(From(kP0) / optional / Tcp{}, {}));
  const Bytes extended = From(kP0) / Vip6(kVip66) / Ext6{.kind = 0} / Ext6{.kind = 60} / Tcp{};
  row("LB_6in6_extensions", "L4 is found behind them", extended, Tunnelled6(extended, 0));
  const Bytes ends_here = From(kP0) / Vip6(kVip66) /
                          Ext6{.kind = 43, .body = Join({0, 0, 0, 0, 0, 0}, AddressBytes(kFar6))} /
                          Tcp{};
  row("LB_6in6_routing_header_at_its_end", "RFC 8200 4.4: ignored", ends_here,
      Tunnelled6(ends_here, 0));
  const Bytes trailer6 = Join(Syn6(kVip66), Bytes(9, 0xee));
  row("LB_6in6_padding_is_cut", "a trailer", trailer6, Tunnelled6(Syn6(kVip66), 0));
  direct("LB_l2dsr_padding_is_cut", "60 bytes of Ethernet", Join(Syn4(kVipDsr4), Bytes(6, 0xee)));
  direct("LB_l2dsr_l4_checksum_wrong", "the backend judges it",
         From(kP0) / Vip4(kVipDsr4) / Tcp{.checksum = 0x1111});
  direct("LB_l2dsr_udp_checksum_0", "RFC 768: none",
         From(kP0) / Vip4(kVipDsr4) / Udp{.dport = 53, .checksum = 0} / Payload(5));
  direct("LB_l2dsr_udp_shorter_than_ip", "RFC 768: the rest is no datagram's",
         From(kP0) / Vip4(kVipDsr4) / Udp{.dport = 53, .length = 12} / Payload(30));
  direct("LB_l2dsr_udp_empty", "RFC 768", From(kP0) / Vip4(kVipDsr4) / Udp{.dport = 53});
  Ip4 reserved = Vip4(kVipDsr4);
  reserved.evil = true;
  direct("LB_l2dsr_reserved_bit", "RFC 791 3.1: not a fragment", From(kP0) / reserved / Tcp{});
  const Bytes tagged = From(kP0) / Vlan{.id = 0, .priority = 3} / Vip4(kVipDsr4) / Tcp{};
  row("LB_l2dsr_priority_tag", "IEEE 802.1Q: as untagged", tagged, Direct(Syn4(kVipDsr4)));
  const Bytes padded = Join(Syn4(kVip44), Bytes(6, 0xee));
  row("LB_4in4_padding_is_cut", "60 bytes of Ethernet", padded, Tunnelled4(Syn4(kVip44), {}));
  const Bytes atomic = From(kP0) / Vip6(kVip66) / Frag6{} / Tcp{};
  row("LB_6in6_atomic_fragment", "RFC 6946: a whole packet", atomic, Tunnelled6(atomic, 0));
}

void Sizes(std::vector<Row>& rows) {
  const auto fits = [&](const char* name, const Bytes& frame, Want want) {
    rows.push_back({name, "inner + outer = 1,500", kP0, frame, std::move(want)});
  };
  const auto too_big4 = [&](const char* name, const char* vip, bool df, uint16_t size,
                            uint16_t mtu) {
    Ip4 ip = Vip4(vip);
    ip.df = df;
    const Bytes frame = From(kP0) / ip / Tcp{} / Payload(size - 40u);
    rows.push_back({name, "RFC 1191: 3/4 from the VIP, MTU less the outer header", kP0, frame,
                    Refused(R::kMtuExceeded, kP0, Icmp4Error(To(kP0), vip, 3, 4, mtu, frame))});
  };
  const auto too_big6 = [&](const char* name, const char* vip, uint16_t size, uint16_t mtu) {
    const Bytes frame = From(kP0) / Vip6(vip) / Tcp{} / Payload(size - 60u);
    rows.push_back({name, "RFC 4443 3.2: 2/0 from the VIP", kP0, frame,
                    Refused(R::kMtuExceeded, kP0, Icmp6Error(To(kP0), vip, 2, 0, mtu, frame))});
  };
  const Bytes in44 = From(kP0) / Vip4(kVip44) / Tcp{} / Payload(1440);
  fits("LB_4in4_fits", in44, Tunnelled4(in44, {}));
  const Bytes in46 = From(kP0) / Vip4(kVip46) / Tcp{} / Payload(1420);
  fits("LB_4in6_fits", in46, Tunnelled6(in46, 0));
  const Bytes in66 = From(kP0) / Vip6(kVip66) / Tcp{} / Payload(1400);
  fits("LB_6in6_fits", in66, Tunnelled6(in66, 0));
  const Bytes in64 = From(kP0) / Vip6(kVip64) / Tcp{} / Payload(1420);
  fits("LB_6in4_fits", in64, Tunnelled4(in64, {.df = true}));
  too_big4("LB_4in4_too_big_df", kVip44, true, 1481, 1480);
  too_big4("LB_4in4_too_big", kVip44, false, 1481, 1480);
  too_big4("LB_4in4_too_big_full", kVip44, true, 1500, 1480);
  too_big4("LB_4in6_too_big", kVip46, true, 1461, 1460);
  too_big6("LB_6in6_too_big", kVip66, 1461, 1460);
  too_big6("LB_6in4_too_big", kVip64, 1481, 1480);
}

void TcpKinds(std::vector<Row>& rows) {
  const auto direct = [&](const std::string& name, const char* clause, const Tcp& tcp,
                          size_t payload = 0) {
    const Bytes frame = From(kP0) / Vip4(kVipDsr4) / tcp / Payload(payload);
    rows.push_back({name, clause, kP0, frame, Direct(frame)});
  };
  direct("SY_with_data", "RFC 7413", {}, 100);
  for (const uint8_t flags :
       std::initializer_list<uint8_t>{0x00, 0x01, 0x04, 0x10, 0x11, 0x12, 0x29, 0xff}) {
    direct("SY_flags_" + std::to_string(flags), "the backend judges flags",
           {.sport = static_cast<uint16_t>(41000 + flags), .flags = flags});
  }
  direct("SY_option_length_0", "options are the backend's to read",
         {.sport = 42001, .options = {2, 0, 1, 1}});
  direct("SY_option_length_1", "options are the backend's to read",
         {.sport = 42002, .options = {2, 1, 1, 1}});
  direct("SY_option_length_40", "options are the backend's to read",
         {.sport = 42003, .options = {2, 40, 1, 1}});
}

void NotBalanced(std::vector<Row>& rows) {
  const auto drop = [&](std::string name, const char* clause, const Bytes& frame, R reason) {
    rows.push_back(Drops(std::move(name), clause, frame, reason));
  };
  drop("LB_no_backend", "all weights are 0", Syn4(kVipEmpty), R::kVipNoBackend);
  drop("LB_backend_behind_a_gateway", "its MAC would be the gateway's", Syn4(kVipStray),
       R::kL2dsrNotOnLink);
  drop("LB_unknown_port", "no service", From(kP0) / Vip4(kVip44) / Tcp{.dport = 81},
       R::kVipUnknownPort);
  drop("LB_port_0", "no service", From(kP0) / Vip4(kVip44) / Tcp{.dport = 0}, R::kVipUnknownPort);
  drop("LB_on_link_unknown_port", "never the kernel's",
       From(kP0) / Vip4(kVipOnLink4) / Tcp{.dport = 22}, R::kVipUnknownPort);
  drop("LB_on_link_unknown_port_v6", "never the kernel's",
       From(kP0) / Vip6(kVipOnLink6) / Tcp{.dport = 22}, R::kVipUnknownPort);
  drop("LB_on_link_other_protocol", "never the kernel's",
       From(kP0) / Ip4{.src = kClient4, .dst = kVipOnLink4, .proto = 89} / Payload(44),
       R::kVipUnknownPort);
  for (const char* dst : {kVipOnLink6, "ff02::1:ff00:100"}) {
    const Eth eth{.dst = dst[0] == 'f' ? Mac{0x33, 0x33, 0xff, 0, 1, 0} : PortMac(kP0),
                  .src = kClientMac};
    rows.push_back(
        GoesUp(std::string("LB_on_link_solicitation") + (dst[0] == 'f' ? "" : "_unicast"),
               "the kernel answers ND for the VIP",
               eth / Ip6{.src = kClient6, .dst = dst, .hlim = 255} / Icmp{.type = 135, .v6 = true} /
                   Raw{AddressBytes(kVipOnLink6)},
               PuntReason::kNeighborDiscovery));
  }
  drop("LB_solicitation_to_a_routed_vip", "nobody has the address",
       From(kP0) / Ip6{.src = kClient6, .dst = kVip66, .hlim = 255} /
           Icmp{.type = 135, .v6 = true} / Raw{AddressBytes(kVip66)},
       R::kVipUnknownPort);
  const auto other4 = [&](const char* name, uint8_t protocol) {
    drop(name, "no service",
         From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .proto = protocol} / Payload(40),
         R::kVipUnknownPort);
  };
  other4("LB_esp", 50);
  other4("LB_protocol_0", 0);
  other4("LB_protocol_255", 255);
  other4("LB_icmpv6_in_ipv4", 58);
  const auto other6 = [&](const char* name, const Packet& inner) {
    drop(name, "no service", From(kP0) / Vip6(kVip66) / inner, R::kVipUnknownPort);
  };
  drop("LB_no_next_header", "RFC 8200 4.7",
       From(kP0) / Ip6{.src = kClient6, .dst = kVip66, .next = 59} / Tcp{}, R::kVipUnknownPort);
  drop("LB_icmp_in_ipv6", "no protocol of IPv6",
       From(kP0) / Ip6{.src = kClient6, .dst = kVip66, .next = 1} / Payload(20),
       R::kVipUnknownPort);
  other6("LB_encapsulated_already_v6", Vip6(kVip66) / Tcp{});
  Packet chain = Ext6{.kind = 60};
  for (int n = 1; n < 8; ++n) chain.Append(Ext6{.kind = 60});
  other6("LB_chain_of_9", chain / Ext6{.kind = 60} / Tcp{});
  const Bytes chain_of_7 = [] {
    Packet packet = From(kP0) / Vip6(kVip66);
    for (int n = 0; n < 7; ++n) packet.Append(Ext6{.kind = 60});
    packet.Append(Tcp{});
    return Bytes(packet);
  }();
  rows.push_back(
      {"LB_chain_of_7", "L4 is found behind it", kP0, chain_of_7, Tunnelled6(chain_of_7, 0)});
  drop("LB_unknown_port_v6", "no service", From(kP0) / Vip6(kVip66) / Tcp{.dport = 81},
       R::kVipUnknownPort);
  drop("LB_other_protocol", "the port is TCP's", From(kP0) / Vip4(kVip46) / Udp{.dport = 80},
       R::kVipUnknownPort);
  drop("LB_encapsulated_already", "not opened, not nested",
       From(kP0) / Vip4(kVip44) / Vip4(kVip44) / Tcp{}, R::kVipUnknownPort);
  drop("LB_link_local_source", "RFC 4291 2.5.6",
       From(kP0) / Ip6{.src = "fe80::9", .dst = kVip66} / Tcp{}, R::kIpv6LinkLocal);
  drop("LB_gre", "no service",
       From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .proto = 47} / Payload(20),
       R::kVipUnknownPort);
  drop("SY_land", "source is destination",
       From(kP0) / Ip4{.src = kVipDsr4, .dst = kVipDsr4} / Tcp{.sport = 80}, R::kVipLand);
  drop("SY_land_v6", "source is destination",
       From(kP0) / Ip6{.src = kVip66, .dst = kVip66} / Tcp{.sport = 80}, R::kVipLand);

  drop("FR_of_icmp", "no flow to follow",
       From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .frag = 9, .proto = 1} / Payload(64),
       R::kVipFragment);
  drop("FR_v6_tiny_first", "RFC 7112: the header chain is cut",
       From(kP0) / Vip6(kVip66) / Frag6{.more = true, .next = 6} / Payload(8), R::kVipFragment);
  drop("FR_tiny_first", "RFC 1858: ports that it does not hold",
       From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .mf = true, .proto = 17} / Payload(4),
       R::kVipFragment);
  drop("FR_beyond_65535", "RFC 791",
       From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .frag = 8189, .proto = 17} / Payload(1400),
       R::kFragmentTooLong);

  for (size_t k = 0; k < 20; ++k) {
    drop("LB_tcp_of_" + std::to_string(k), "the header is not whole",
         From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .proto = 6} / Payload(k),
         R::kVipTruncated);
  }
  for (size_t k = 0; k < 8; ++k) {
    drop("LB_udp_of_" + std::to_string(k), "the header is not whole",
         From(kP0) / Ip6{.src = kClient6, .dst = kVip66, .next = 17} / Payload(k),
         R::kVipTruncated);
  }
  for (const uint8_t offset : std::initializer_list<uint8_t>{0, 4, 6, 15}) {
    drop("LB_tcp_data_offset_" + std::to_string(offset), "below 5 words or beyond the packet",
         From(kP0) / Vip4(kVip44) / Tcp{.data_offset = offset}, R::kVipTruncated);
  }
  drop("LB_udp_length_7", "RFC 768", From(kP0) / Vip4(kVip44) / Udp{.dport = 53, .length = 7},
       R::kVipTruncated);
  drop("LB_udp_length_beyond", "RFC 768",
       From(kP0) / Vip4(kVip44) / Udp{.dport = 53, .length = 100} / Payload(20), R::kVipTruncated);
}

// RFC 2003 3.1: what arrives with no TTL left is not sent on.
void DeadOnArrival(std::vector<Row>& rows) {
  const auto dead = [&](const char* name, const char* vip, const char* answers) {
    Ip4 ip = Vip4(vip);
    ip.ttl = 0;
    const Bytes frame = From(kP0) / ip / Tcp{};
    rows.push_back({name, "RFC 2003 3.1", kP0, frame,
                    Refused(R::kTtlExpired, kP0, Icmp4Error(To(kP0), answers, 11, 0, 0, frame))});
  };
  const auto dead6 = [&](const char* name, const char* vip, const char* answers) {
    Ip6 ip = Vip6(vip);
    ip.hlim = 0;
    const Bytes frame = From(kP0) / ip / Tcp{};
    rows.push_back({name, "RFC 2473 3.1", kP0, frame,
                    Refused(R::kTtlExpired, kP0, Icmp6Error(To(kP0), answers, 3, 0, 0, frame))});
  };
  dead("LB_l2dsr_ttl_0", kVipDsr4, "10.1.0.1");
  dead("LB_4in4_ttl_0", kVip44, kVip44);
  dead("LB_4in6_ttl_0", kVip46, kVip46);
  dead6("LB_l2dsr_hop_limit_0", kVipDsr6, "2001:db8:1::1");
  dead6("LB_6in6_hop_limit_0", kVip66, kVip66);
  dead6("LB_6in4_hop_limit_0", kVip64, kVip64);
}

// A backend's reply, from the VIP, that meets an error of ours: the error is for that backend.
void ErrorsAboutReplies(std::vector<Row>& rows) {
  const auto answered = [&](const char* name, R reason, const Bytes& frame, const Bytes& error,
                            bool tunnelled, bool v6) {
    Want want =
        tunnelled ? v6 ? Tunnelled6(error, 0) : Tunnelled4(error, {.tos = 0xc0}) : Direct(error);
    want.sent[0].own_header = true;
    want.drops = {{reason, 1}};
    rows.push_back({name, "the error follows its flow", kP1, frame, want});
  };
  const auto reply4 = [](const char* vip, const char* dst, uint8_t ttl, size_t payload) {
    return Bytes(From(kP1) / Ip4{.src = vip, .dst = dst, .df = true, .ttl = ttl} /
                 Tcp{.sport = 80, .dport = 40000} / Payload(payload));
  };
  const Bytes big4 = reply4(kVipDsr4, "10.8.0.1", 64, 1400);
  answered("LB_reply_too_big", R::kMtuExceeded, big4,
           Icmp4Error(To(kP1), "10.2.0.1", 3, 4, 1280, big4), false, false);
  const Bytes dying4 = reply4(kVipDsr4, kClient4, 1, 10);
  answered("LB_reply_ttl_1", R::kTtlExpired, dying4,
           Icmp4Error(To(kP1), "10.2.0.1", 11, 0, 0, dying4), false, false);
  const auto reply6 = [](const char* vip, const char* dst, size_t payload) {
    return Bytes(From(kP1) / Ip6{.src = vip, .dst = dst} / Tcp{.sport = 80, .dport = 40000} /
                 Payload(payload));
  };
  const Bytes big6 = reply6(kVipDsr6, "2001:db8:8::1", 1400);
  answered("LB_reply_too_big_v6", R::kMtuExceeded, big6,
           Icmp6Error(To(kP1), "2001:db8:2::1", 2, 0, 1280, big6), false, true);
}

}  // namespace

std::vector<Row> BalancerRows() {
  std::vector<Row> rows;
  Modes(rows);
  Sizes(rows);
  TcpKinds(rows);
  NotBalanced(rows);
  DeadOnArrival(rows);
  ErrorsAboutReplies(rows);
  return rows;
}

}  // namespace flyover::test
