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

  const auto fragment4 = [&](const char* name, const char* clause, bool mf, uint16_t offset,
                             const Packet& inner) {
    drop(name, clause,
         From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .mf = mf, .frag = offset, .proto = 17} /
             inner,
         R::kVipFragment);
  };
  fragment4("FR_first", "fragments to a VIP are dropped", true, 0, Udp{.dport = 53} / Payload(64));
  fragment4("FR_second", "fragments to a VIP are dropped", false, 9, Payload(64));
  fragment4("FR_tiny_first", "RFC 1858: ports that it does not hold", true, 0, Payload(8));
  drop("FR_v6_first", "fragments to a VIP are dropped",
       From(kP0) / Vip6(kVip66) / Frag6{.more = true} / Tcp{}, R::kVipFragment);
  drop("FR_v6_later", "fragments to a VIP are dropped",
       From(kP0) / Vip6(kVip66) / Frag6{.offset = 7, .next = 6} / Payload(64), R::kVipFragment);
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

}  // namespace

std::vector<Row> BalancerRows() {
  std::vector<Row> rows;
  Modes(rows);
  Sizes(rows);
  TcpKinds(rows);
  NotBalanced(rows);
  return rows;
}

}  // namespace flyover::test
