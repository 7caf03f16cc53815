#include "tests/packets/catalogue/catalogue.h"

namespace flyover::test {
namespace {

using R = DropReason;

constexpr char kOwn4[] = "10.1.0.1";
constexpr char kOwn6[] = "2001:db8:1::1";

// Transit whose TTL ends here.
Packet Dying4(const Packet& inner, const Ip4& ip = {.src = kClient4, .dst = kFar4, .ttl = 1}) {
  return From(kP0) / ip / inner;
}
Packet Dying6(const Packet& inner) {
  return From(kP0) / Ip6{.src = kClient6, .dst = kFar6, .hlim = 1} / inner;
}
Row Expired4(std::string name, std::string clause, const Bytes& frame) {
  return {std::move(name), std::move(clause), kP0, frame,
          Refused(R::kTtlExpired, kP0, Icmp4Error(To(kP0), kOwn4, 11, 0, 0, frame))};
}
Row Expired6(std::string name, std::string clause, const Bytes& frame) {
  return {std::move(name), std::move(clause), kP0, frame,
          Refused(R::kTtlExpired, kP0, Icmp6Error(To(kP0), kOwn6, 3, 0, 0, frame))};
}
Row Silent(std::string name, std::string clause, const Bytes& frame) {
  return Drops(std::move(name), std::move(clause), frame, R::kTtlExpired);
}
Icmp Icmp6(uint8_t type) { return {.type = type, .v6 = true}; }

void Ipv4(std::vector<Row>& rows) {
  rows.push_back(Expired4("IC4_ttl_1", "RFC 1812 5.3.1", Dying4(Udp{} / Payload(64))));
  Ip4 zero{.src = kClient4, .dst = kFar4, .ttl = 0};
  rows.push_back(Expired4("IC4_ttl_0", "RFC 1812 5.3.1", Dying4(Udp{}, zero)));
  rows.push_back(
      Expired4("IC4_quote_ends_at_576", "RFC 1812 4.3.2.3", Dying4(Udp{} / Payload(1400))));
  Ip4 options{.src = kClient4, .dst = kFar4, .ttl = 1, .options = Bytes(40, 1)};
  rows.push_back(
      Expired4("IC4_quote_has_options", "RFC 1812 4.3.2.3", Dying4(Udp{} / Payload(600), options)));
  Ip4 first{.src = kClient4, .dst = kFar4, .mf = true, .ttl = 1};
  rows.push_back(
      Expired4("IC4_about_first_fragment", "RFC 1122 3.2.2", Dying4(Udp{} / Payload(64), first)));
  rows.push_back(Expired4("IC4_about_echo", "traceroute -I", Dying4(Icmp{} / Payload(32))));
  rows.push_back(Expired4("IC4_about_tcp", "traceroute -T", Dying4(Tcp{})));
  rows.push_back(Expired4("IC4_about_l4_garbage", "4 bytes of payload", Dying4(Payload(4))));

  Ip4 later{.src = kClient4, .dst = kFar4, .frag = 10, .ttl = 1, .proto = 17};
  rows.push_back(
      Silent("IC4_not_about_later_fragment", "RFC 1122 3.2.2", Dying4(Payload(64), later)));
  const Packet quoted = Ip4{.src = kFar4, .dst = kClient4} / Udp{};
  for (const uint8_t type : std::initializer_list<uint8_t>{3, 4, 5, 11, 12}) {
    rows.push_back(Silent("IC4_not_about_icmp_error_" + std::to_string(type), "RFC 1122 3.2.2",
                          Dying4(Icmp{.type = type} / quoted)));
  }
  Ip4 unreadable{.src = kClient4, .dst = kFar4, .ttl = 1, .proto = 1};
  rows.push_back(Silent("IC4_not_about_unreadable_icmp", "it could be an error",
                        Dying4(Raw{{8, 0}}, unreadable)));
  const Bytes from_s = From(kP1) / Ip4{.src = "10.2.0.2", .dst = kClient4, .ttl = 1} / Udp{};
  rows.push_back({"IC4_source_is_the_way_back", "RFC 1812 4.3.2.4", kP1, from_s,
                  Refused(R::kTtlExpired, kP1, Icmp4Error(To(kP1), "10.2.0.1", 11, 0, 0, from_s))});
  const Bytes padded = Join(Dying4(Udp{}), Bytes(18, 0xee));
  rows.push_back(Expired4("IC4_quote_has_no_padding", "60 bytes of Ethernet", padded));
  Ip4 urgent{.src = kClient4, .dst = kFar4, .tos = 0xb8, .ttl = 1};
  rows.push_back(Expired4("IC4_precedence_is_6", "RFC 1812 4.3.2.5", Dying4(Udp{}, urgent)));
  Ip4 unknown{.src = kClient4, .dst = kFar4, .ttl = 1, .proto = 253};
  rows.push_back(Expired4("IC4_about_unknown_protocol", "RFC 792", Dying4(Payload(30), unknown)));
  rows.push_back(Expired4("IC4_quote_of_548", "28 + 548 = 576", Dying4(Udp{} / Payload(520))));
  rows.push_back(
      Expired4("IC4_quote_of_549", "one byte is left out", Dying4(Udp{} / Payload(521))));
  for (const char* src : {"10.1.0.255", "10.2.0.255"}) {
    Want broadcast = Dropped(R::kTtlExpired);
    broadcast.drops[R::kIpBroadcast] = 1;  // our answer
    rows.push_back({std::string("IC4_not_to_directed_broadcast_") + src[3], "RFC 1812 4.3.2.7", kP0,
                    From(kP0) / Ip4{.src = src, .dst = kFar4, .ttl = 1} / Udp{}, broadcast});
  }
  Want ours = Dropped(R::kTtlExpired);
  ours.drops[R::kNoRoute] = 1;  // our answer: never to ourselves
  rows.push_back({"IC4_not_to_ourselves", "a forged source", kP0,
                  From(kP0) / Ip4{.src = "10.2.0.1", .dst = kFar4, .ttl = 1} / Udp{}, ours});
  const Bytes no_way_back = From(kP0) / Ip4{.src = "100.64.0.9", .dst = kFar4, .ttl = 1} / Udp{};
  Want lost = Dropped(R::kTtlExpired);
  lost.drops[R::kNoRoute] = 1;  // our answer
  rows.push_back(
      {"IC4_no_way_back", "the answer is counted where it ends", kP0, no_way_back, lost});
}

void Ipv6(std::vector<Row>& rows) {
  rows.push_back(Expired6("IC6_about_echo", "RFC 4443 3.3", Dying6(Icmp6(128) / Payload(32))));
  rows.push_back(Expired6("IC6_about_neighbor_solicitation", "informational",
                          Dying6(Icmp6(135) / Payload(20))));
  rows.push_back(
      Expired6("IC6_quote_ends_at_1280", "RFC 4443 2.4 (c)", Dying6(Udp{} / Payload(1400))));
  rows.push_back(Expired6("IC6_about_first_fragment", "RFC 4443 2.4",
                          Dying6(Frag6{.more = true} / Udp{} / Payload(64))));
  rows.push_back(Silent("IC6_not_about_later_fragment", "as in IPv4",
                        Dying6(Frag6{.offset = 10, .next = 17} / Payload(64))));
  for (const uint8_t type : std::initializer_list<uint8_t>{1, 2, 3, 4, 100, 127, 137}) {
    rows.push_back(Silent("IC6_not_about_error_" + std::to_string(type), "RFC 4443 2.4 (e)",
                          Dying6(Icmp6(type) / Payload(48))));
  }
  const Bytes padded = Join(Dying6(Udp{}), Bytes(6, 0xee));
  rows.push_back(Expired6("IC6_quote_has_no_padding", "trailer", padded));
  rows.push_back(
      Expired6("IC6_quote_of_1232", "48 + 1,232 = 1,280", Dying6(Udp{} / Payload(1184))));
  rows.push_back(
      Expired6("IC6_quote_of_1233", "one byte is left out", Dying6(Udp{} / Payload(1185))));
  rows.push_back(Expired6("IC6_about_extensions", "quoted as they are",
                          Dying6(Ext6{.kind = 0} / Ext6{.kind = 60} / Udp{})));
  rows.push_back(Silent("IC6_not_about_error_behind_extensions", "RFC 4443 2.4 (e)",
                        Dying6(Ext6{.kind = 60} / Icmp6(3) / Payload(48))));
  Want ours = Dropped(R::kTtlExpired);
  ours.drops[R::kNoRoute] = 1;
  rows.push_back({"IC6_not_to_ourselves", "a forged source", kP0,
                  From(kP0) / Ip6{.src = "2001:db8:2::1", .dst = kFar6, .hlim = 1} / Udp{}, ours});
  rows.push_back({"IC6_no_way_back", "the answer is counted where it ends", kP0,
                  From(kP0) / Ip6{.src = "2001:dc0::9", .dst = kFar6, .hlim = 1} / Udp{}, ours});
  const Bytes from_s = From(kP1) / Ip6{.src = "2001:db8:2::2", .dst = kClient6, .hlim = 1} / Udp{};
  rows.push_back(
      {"IC6_source_is_the_way_back", "RFC 4443 2.2", kP1, from_s,
       Refused(R::kTtlExpired, kP1, Icmp6Error(To(kP1), "2001:db8:2::1", 3, 0, 0, from_s))});
  Ip6 unreadable{.src = kClient6, .dst = kFar6, .hlim = 1, .next = 58};
  rows.push_back(Silent("IC6_not_about_unreadable_icmp", "it could be an error",
                        From(kP0) / unreadable / Raw{{128, 0, 1}}));
}

// RFC 5095, RFC 8200 4.4. `pointer`: how far into the IPv6 packet the type field lies.
void RoutingHeader0(std::vector<Row>& rows) {
  const auto header = [](uint8_t segments_left) {
    return Ext6{.kind = 43, .body = Join({0, segments_left, 0, 0, 0, 0}, AddressBytes(kFar6))};
  };
  const auto refused = [&](const char* name, const char* dst, const Packet& inner,
                           uint32_t pointer) {
    const Bytes frame = From(kP0) / Ip6{.src = kClient6, .dst = dst} / inner;
    rows.push_back(
        {name, "RFC 5095 3: 4/0 at the type", kP0, frame,
         Refused(R::kIpv6RoutingHeader0, kP0, Icmp6Error(To(kP0), kOwn6, 4, 0, pointer, frame))});
  };
  refused("IC6_routing_header_0_to_us", kOwn6, header(1) / Udp{}, 42);
  refused("IC6_routing_header_0_behind_options", kOwn6,
          Ext6{.kind = 60, .body = Bytes(14)} / header(255) / Udp{}, 58);
  refused("IC6_routing_header_0_to_another_port", "2001:db8:2::1", header(1) / Udp{}, 42);
  refused("IC6_routing_header_0_to_a_vip", kVip66, header(1) / Tcp{}, 42);
  rows.push_back(GoesUp("IC6_routing_header_0_at_its_end", "RFC 8200 4.4: ignored",
                        From(kP0) / Ip6{.src = kClient6, .dst = kOwn6} / header(0) / Udp{},
                        PuntReason::kLocal));
  rows.push_back(
      GoesUp("IC6_routing_header_2_to_us", "the kernel answers what it does not know",
             From(kP0) / Ip6{.src = kClient6, .dst = kOwn6} /
                 Ext6{.kind = 43, .body = Join({2, 1, 0, 0, 0, 0}, AddressBytes(kFar6))} / Udp{},
             PuntReason::kLocal));
  const Bytes about_error =
      From(kP0) / Ip6{.src = kClient6, .dst = kOwn6} / header(1) / Icmp6(1) / Payload(48);
  rows.push_back(Drops("IC6_routing_header_0_not_about_error", "RFC 4443 2.4 (e)", about_error,
                       R::kIpv6RoutingHeader0));
}

}  // namespace

std::vector<Row> IcmpRows() {
  std::vector<Row> rows;
  Ipv4(rows);
  Ipv6(rows);
  RoutingHeader0(rows);
  return rows;
}

}  // namespace flyover::test
