#include "tests/packets/catalogue/catalogue.h"

namespace flyover::test {
namespace {

using R = DropReason;

constexpr char kRouter4[] = "198.51.100.7";  // behind the default route
constexpr char kRouter6[] = "2001:db8:9::7";

Packet EchoTo(const char* vip, const Packet& payload) {
  return From(kP0) / Ip4{.src = kClient4, .dst = vip} / Icmp{.rest = 0x00070001} / payload;
}
Packet EchoTo6(const char* vip, const Packet& payload) {
  return From(kP0) / Ip6{.src = kClient6, .dst = vip} /
         Icmp{.type = 128, .rest = 0x00070001, .v6 = true} / payload;
}

void Echo(std::vector<Row>& rows) {
  const auto answer4 = [&](const char* name, const Bytes& in, const Packet& payload) {
    Want want;
    const Bytes reply = To(kP0) / Ip4{.src = kVip44, .dst = kClient4, .ttl = 64} /
                        Icmp{.type = 0, .rest = 0x00070001} / payload;
    want.sent = {{kP0, {reply}, true}};
    rows.push_back({name, "answered by the VIP, same id and sequence", kP0, in, want});
  };
  const auto answer6 = [&](const char* name, const Bytes& in, const Packet& payload) {
    Want want;
    const Bytes reply = To(kP0) / Ip6{.src = kVip66, .dst = kClient6, .hlim = 64} /
                        Icmp{.type = 129, .rest = 0x00070001, .v6 = true} / payload;
    want.sent = {{kP0, {reply}, true}};
    rows.push_back({name, "answered by the VIP, same id and sequence", kP0, in, want});
  };
  answer4("VI_echo", EchoTo(kVip44, Payload(56)), Payload(56));
  answer4("VI_echo_empty", EchoTo(kVip44, Raw{}), Raw{});
  answer4("VI_echo_full_mtu", EchoTo(kVip44, Payload(1472)), Payload(1472));
  answer4("VI_echo_padded", Join(EchoTo(kVip44, Payload(3)), Bytes(15, 0xee)), Payload(3));
  answer4("VI_echo_with_options",
          From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .options = {7, 7, 4, 0, 0, 0, 0}} /
              Icmp{.rest = 0x00070001} / Payload(56),
          Payload(56));
  answer4("VI_echo_ttl_1",
          From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .ttl = 1} / Icmp{.rest = 0x00070001} /
              Payload(56),
          Payload(56));
  answer4("VI_echo_odd", EchoTo(kVip44, Payload(57)), Payload(57));
  answer6("VI_echo_v6_odd", EchoTo6(kVip66, Payload(57)), Payload(57));
  answer6("VI_echo_v6_full_mtu", EchoTo6(kVip66, Payload(1452)), Payload(1452));
  answer6("VI_echo_v6_hop_limit_1",
          From(kP0) / Ip6{.src = kClient6, .dst = kVip66, .hlim = 1} /
              Icmp{.type = 128, .rest = 0x00070001, .v6 = true} / Payload(5),
          Payload(5));
  Want marked;
  marked.sent = {{kP0,
                  {To(kP0) / Ip4{.src = kVip44, .dst = kClient4, .tos = 0xb8, .ttl = 64} /
                   Icmp{.type = 0, .rest = 0x00070001} / Payload(9)},
                  true}};
  rows.push_back({"VI_echo_precedence", "RFC 1812 4.3.2.5: the request's", kP0,
                  From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .tos = 0xb8} /
                      Icmp{.rest = 0x00070001} / Payload(9),
                  marked});
  rows.push_back(Drops("VI_echo_without_a_way_back", "an answer of ours earns no error",
                       From(kP0) / Ip4{.src = "100.64.0.9", .dst = kVip44} / Icmp{} / Payload(9),
                       R::kNoRoute));
  rows.push_back(Drops("VI_echo_without_a_way_back_v6", "an answer of ours earns no error",
                       From(kP0) / Ip6{.src = "2001:dc0::9", .dst = kVip66} /
                           Icmp{.type = 128, .v6 = true} / Payload(9),
                       R::kNoRoute));
  rows.push_back(Drops("VI_echo_too_big_for_the_way_back", "an answer of ours earns no error",
                       From(kP0) / Ip6{.src = "2001:db8:8::9", .dst = kVip66} /
                           Icmp{.type = 128, .v6 = true} / Payload(1400),
                       R::kMtuExceeded));
  answer6("VI_echo_v6", EchoTo6(kVip66, Payload(56)), Payload(56));
  answer6("VI_echo_v6_extension",
          From(kP0) / Ip6{.src = kClient6, .dst = kVip66} / Ext6{.kind = 60} /
              Icmp{.type = 128, .rest = 0x00070001, .v6 = true} / Payload(56),
          Payload(56));
  const auto drop = [&](const char* name, const char* clause, const Bytes& frame, R reason) {
    rows.push_back(Drops(name, clause, frame, reason));
  };
  drop("VI_echo_bad_checksum", "RFC 1122 3.2.2.6",
       From(kP0) / Ip4{.src = kClient4, .dst = kVip44} / Icmp{.checksum = 0x1111} / Payload(56),
       R::kVipIcmpMalformed);
  drop("VI_echo_v6_bad_checksum", "RFC 4443 2.3",
       From(kP0) / Ip6{.src = kClient6, .dst = kVip66} /
           Icmp{.type = 128, .checksum = 0x1111, .v6 = true} / Payload(56),
       R::kVipIcmpMalformed);
  drop("VI_echo_from_link_local", "the answer must not leave by a default route",
       From(kP0) / Ip6{.src = "fe80::9", .dst = kVip66} / Icmp{.type = 128, .v6 = true},
       R::kIpv6LinkLocal);
  drop("VI_echo_fragment", "ICMP in pieces is not put together",
       From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .mf = true} / Icmp{} / Payload(56),
       R::kVipFragment);
  for (const size_t length : {0u, 1u, 7u}) {
    drop(("VI_icmp_of_" + std::to_string(length)).c_str(), "the header is not whole",
         From(kP0) / Ip4{.src = kClient4, .dst = kVip44, .proto = 1} / Payload(length),
         R::kVipIcmpMalformed);
    drop(("VI_icmpv6_of_" + std::to_string(length)).c_str(), "the header is not whole",
         From(kP0) / Ip6{.src = kClient6, .dst = kVip66, .next = 58} / Payload(length),
         R::kVipIcmpMalformed);
  }
  for (const uint8_t type : std::initializer_list<uint8_t>{0, 4, 5, 17, 255}) {
    drop(("VI_type_" + std::to_string(type)).c_str(), "nothing answers it",
         From(kP0) / Ip4{.src = kClient4, .dst = kVip44} / Icmp{.type = type} / Payload(28),
         R::kVipUnknownPort);
  }
  for (const uint8_t type : std::initializer_list<uint8_t>{0, 100, 129, 137, 255}) {
    drop(("VI_v6_type_" + std::to_string(type)).c_str(), "nothing answers it",
         From(kP0) / Ip6{.src = kClient6, .dst = kVip66} / Icmp{.type = type, .v6 = true} /
             Payload(48),
         R::kVipUnknownPort);
  }
  drop("VI_timestamp_request", "nothing answers it",
       From(kP0) / Ip4{.src = kClient4, .dst = kVip44} / Icmp{.type = 13} / Payload(12),
       R::kVipUnknownPort);
}

// An error by a router on the way, about what a backend sent to the client from the VIP.
Packet Error4(const Packet& quote, uint8_t type = 3, uint8_t code = 4) {
  return From(kP1) / Ip4{.src = kRouter4, .dst = kVipDsr4} /
         Icmp{.type = type, .code = code, .rest = 1400} / quote;
}
Packet Error6(const Packet& quote) {
  return From(kP1) / Ip6{.src = kRouter6, .dst = kVipDsr6} /
         Icmp{.type = 2, .rest = 1400, .v6 = true} / quote;
}
Packet Reply4(uint16_t sport = 80) {
  return Ip4{.src = kVipDsr4, .dst = kClient4, .length = 1500} /
         Tcp{.sport = sport, .dport = 40000};
}
Packet Reply6() {
  return Ip6{.src = kVipDsr6, .dst = kClient6, .plen = 1460} / Tcp{.sport = 80, .dport = 40000};
}

void Errors(std::vector<Row>& rows) {
  const auto follows = [&](const std::string& name, const Bytes& frame) {
    std::vector<Bytes> any_of;
    for (unsigned n = 11; n <= 14; ++n) any_of.push_back(Readdressed(frame, ToBackend(n)));
    rows.push_back(
        {name, "the error goes where its flow goes", kP1, frame, Balanced(any_of, false)});
  };
  follows("VI_fragmentation_needed", Error4(Reply4()));
  for (const uint8_t type : std::initializer_list<uint8_t>{3, 11, 12}) {
    follows("VI_error_" + std::to_string(type), Error4(Reply4(), type, 1));
  }
  follows("VI_quote_of_8_bytes", Error4(Raw{Cut(Reply4(), 28)}));
  follows("VI_packet_too_big", Error6(Reply6()));
  follows("VI_quote_with_extension", Error6(Ip6{.src = kVipDsr6, .dst = kClient6, .plen = 1460} /
                                            Ext6{.kind = 60} / Tcp{.sport = 80, .dport = 40000}));

  follows("VI_quote_with_options",
          Error4(Ip4{.src = kVipDsr4, .dst = kClient4, .length = 1500, .options = Bytes(8, 1)} /
                 Tcp{.sport = 80, .dport = 40000}));
  follows("VI_quote_of_udp",
          Error4(Ip4{.src = kVipDsr4, .dst = kClient4} / Udp{.sport = 53, .dport = 40000}));
  follows("VI_quote_of_first_fragment", Error4(Ip4{.src = kVipDsr4, .dst = kClient4, .mf = true} /
                                               Tcp{.sport = 80, .dport = 40000}));
  for (const uint8_t type : std::initializer_list<uint8_t>{1, 3, 4}) {
    follows("VI_v6_error_" + std::to_string(type), From(kP1) /
                                                       Ip6{.src = kRouter6, .dst = kVipDsr6} /
                                                       Icmp{.type = type, .v6 = true} / Reply6());
  }
  follows("VI_v6_quote_of_8_bytes", Error6(Raw{Cut(Reply6(), 48)}));

  const auto drop = [&](const std::string& name, const char* clause, const Bytes& frame, R reason) {
    rows.push_back(Drops(name, clause, frame, reason, kP1));
  };
  drop("VI_quote_of_later_fragment", "no ports to read",
       Error4(Ip4{.src = kVipDsr4, .dst = kClient4, .frag = 9, .proto = 6} / Payload(40)),
       R::kVipIcmpNoFlow);
  drop("VI_quote_of_an_error", "no flow",
       Error4(Ip4{.src = kVipDsr4, .dst = kClient4} / Icmp{.type = 3} /
              Ip4{.src = kClient4, .dst = kVipDsr4} / Tcp{}),
       R::kVipIcmpNoFlow);
  drop("VI_quote_of_another_vip", "steering what is not its own",
       Error4(Ip4{.src = kVip44, .dst = kClient4} / Tcp{.sport = 80, .dport = 40000}),
       R::kVipIcmpNoFlow);
  drop("VI_quote_the_wrong_way_round", "the VIP did not send it",
       Error4(Ip4{.src = kClient4, .dst = kVipDsr4} / Tcp{.sport = 40000, .dport = 80}),
       R::kVipIcmpNoFlow);
  drop("VI_quote_of_other_family", "an IPv6 header in an IPv4 error", Error4(Raw{Reply6()}),
       R::kVipIcmpMalformed);
  drop("VI_quote_extension_lies", "beyond the quote",
       Error6(Ip6{.src = kVipDsr6, .dst = kClient6, .plen = 1460} /
              Ext6{.kind = 60, .length = 255} / Tcp{.sport = 80}),
       R::kVipIcmpMalformed);
  drop("VI_error_fragment", "ICMP in pieces is not put together",
       From(kP1) / Ip4{.src = kRouter4, .dst = kVipDsr4, .mf = true} / Icmp{.type = 3, .code = 4} /
           Reply4(),
       R::kVipFragment);
  drop("VI_v6_error_bad_checksum", "RFC 4443 2.1",
       From(kP1) / Ip6{.src = kRouter6, .dst = kVipDsr6} /
           Icmp{.type = 2, .checksum = 7, .v6 = true} / Reply6(),
       R::kVipIcmpMalformed);
  drop("VI_quote_of_other_source", "not the VIP's packet",
       Error4(Ip4{.src = kFar4, .dst = kClient4} / Tcp{.sport = 80}), R::kVipIcmpNoFlow);
  drop("VI_quote_of_other_port", "no service there", Error4(Reply4(81)), R::kVipIcmpNoFlow);
  drop("VI_quote_of_icmp", "no flow",
       Error4(Ip4{.src = kVipDsr4, .dst = kClient4} / Icmp{.type = 0}), R::kVipIcmpNoFlow);
  for (const size_t length : {0, 1, 19, 20, 27}) {
    drop("VI_quote_cut_at_" + std::to_string(length), "no ports to read",
         Error4(Raw{Cut(Reply4(), length)}), R::kVipIcmpMalformed);
  }
  for (const size_t length : {0, 39, 40, 47}) {
    drop("VI_v6_quote_cut_at_" + std::to_string(length), "no ports to read",
         Error6(Raw{Cut(Reply6(), length)}), R::kVipIcmpMalformed);
  }
  Bytes quote = Reply4();
  quote[0] = 0x4f;
  drop("VI_quote_ihl_15", "beyond the quote", Error4(Raw{quote}), R::kVipIcmpMalformed);
  quote[0] = 0x75;
  drop("VI_quote_version_7", "RFC 792", Error4(Raw{quote}), R::kVipIcmpMalformed);
  drop("VI_error_bad_checksum", "RFC 1122",
       From(kP1) / Ip4{.src = kRouter4, .dst = kVipDsr4} /
           Icmp{.type = 3, .code = 4, .checksum = 7} / Reply4(),
       R::kVipIcmpMalformed);
}

}  // namespace

std::vector<Row> VipIcmpRows() {
  std::vector<Row> rows;
  Echo(rows);
  Errors(rows);
  return rows;
}

}  // namespace flyover::test
