// What is broken, sent to a routed address, to an address of the box and to a VIP.
#include "tests/packets/catalogue/catalogue.h"

namespace flyover::test {
namespace {

using R = DropReason;

struct Target {
  const char* name;
  const char* v4;
  const char* v6;
};
constexpr Target kTargets[] = {
    {"routed", kFar4, kFar6}, {"own", "10.1.0.1", "2001:db8:1::1"}, {"vip", kVip44, kVip66}};

void EveryTarget(std::vector<Row>& rows, const Target& target) {
  const auto drop = [&](const std::string& name, R reason, const Bytes& frame) {
    rows.push_back(Drops("MF_" + name + "_" + target.name, "malformed", frame, reason));
  };
  const Ip4 ip{.src = kClient4, .dst = target.v4};
  const Ip6 ip6{.src = kClient6, .dst = target.v6};
  const auto changed = [&](auto change) {
    Ip4 other = ip;
    change(other);
    return Bytes(From(kP0) / other / Tcp{} / Payload(10));
  };
  const Bytes whole = From(kP0) / ip / Udp{};
  const Bytes whole6 = From(kP0) / ip6 / Udp{};
  for (const size_t length : {0u, 1u, 10u, 19u}) {
    drop("runt_" + std::to_string(length), R::kIpv4Truncated, Cut(whole, 14 + length));
  }
  for (const size_t length : {0u, 1u, 20u, 39u}) {
    drop("runt6_" + std::to_string(length), R::kIpv6Truncated, Cut(whole6, 14 + length));
  }
  drop("cut_behind_header", R::kIpv4BadLength, Cut(whole, 14 + 20));
  drop("cut6_behind_header", R::kIpv6BadLength, Cut(whole6, 14 + 40));
  drop("length_19", R::kIpv4BadLength, changed([](Ip4& i) { i.length = 19; }));
  drop("length_0", R::kIpv4BadLength, changed([](Ip4& i) { i.length = 0; }));
  drop("length_20_of_24", R::kIpv4BadLength, changed([](Ip4& i) {
         i.options = {1, 1, 1, 1}, i.length = 20;
       }));
  drop("ihl_0", R::kIpv4BadIhl, changed([](Ip4& i) { i.ihl = 0; }));
  drop("ihl_15", R::kIpv4BadIhl, Cut(changed([](Ip4& i) { i.ihl = 15; }), 14 + 40));
  drop("version_0", R::kIpv4BadVersion, changed([](Ip4& i) { i.version = 0; }));
  drop("version_6", R::kIpv4BadVersion, changed([](Ip4& i) { i.version = 6; }));
  drop("option_length_1", R::kIpv4BadOption, changed([](Ip4& i) { i.options = {7, 1, 4, 0}; }));
  drop("option_beyond_header", R::kIpv4BadOption, changed([](Ip4& i) {
         i.options = {68, 40, 5, 0};
       }));
  drop("source_route", R::kIpv4SourceRoute,
       changed([](Ip4& i) { i.options = {131, 7, 4, 1, 2, 3, 4}; }));
  drop("source_route_used_up", R::kIpv4SourceRoute,
       changed([](Ip4& i) { i.options = {137, 7, 8, 1, 2, 3, 4}; }));
  const auto changed6 = [&](auto change) {
    Ip6 other = ip6;
    change(other);
    return Bytes(From(kP0) / other / Tcp{} / Payload(10));
  };
  drop("version6_0", R::kIpv6BadVersion, changed6([](Ip6& i) { i.version = 0; }));
  drop("version6_4", R::kIpv6BadVersion, changed6([](Ip6& i) { i.version = 4; }));
  drop("payload6_65535", R::kIpv6BadLength, changed6([](Ip6& i) { i.plen = 65535; }));
  drop("payload6_65496", R::kIpv6BadLength, changed6([](Ip6& i) { i.plen = 65496; }));
  drop("payload6_40_too_large", R::kIpv6BadLength, changed6([](Ip6& i) { i.plen = 30 + 40; }));
  for (const uint8_t kind : std::initializer_list<uint8_t>{0, 43, 44, 51, 60}) {
    Ip6 cut = ip6;
    cut.next = kind;
    drop("extension_" + std::to_string(kind) + "_cut", R::kIpv6BadExtension,
         From(kP0) / cut / Raw{{17, 0, 0, 0, 0, 0, 0}});
    drop("extension_" + std::to_string(kind) + "_missing", R::kIpv6BadExtension,
         From(kP0) / cut / Raw{});
  }
  drop("destination_lies", R::kIpv6BadExtension,
       From(kP0) / ip6 / Ext6{.kind = 60, .length = 2} / Udp{});
  drop("second_extension_lies", R::kIpv6BadExtension,
       From(kP0) / ip6 / Ext6{.kind = 0} / Ext6{.kind = 60, .length = 100} / Udp{});
  drop("length_65535", R::kIpv4BadLength, changed([](Ip4& i) { i.length = 65535; }));
  drop("ihl_4", R::kIpv4BadIhl, changed([](Ip4& i) { i.ihl = 4; }));
  drop("version_15", R::kIpv4BadVersion, changed([](Ip4& i) { i.version = 15; }));
  drop("checksum", R::kIpv4BadChecksum, changed([](Ip4& i) { i.checksum = 0xdead; }));
  drop("option_length_0", R::kIpv4BadOption, changed([](Ip4& i) { i.options = {7, 0, 4, 0}; }));
  drop("fragment_beyond_65535", R::kFragmentTooLong, changed([](Ip4& i) { i.frag = 8191; }));
  drop("hop_by_hop_lies", R::kIpv6BadExtension,
       From(kP0) / ip6 / Ext6{.kind = 0, .length = 255} / Udp{});
  drop("routing_lies", R::kIpv6BadExtension,
       From(kP0) / ip6 / Ext6{.kind = 43, .body = {0, 255, 0, 0, 0, 0}, .length = 200} / Udp{});
  drop("authentication_lies", R::kIpv6BadExtension,
       From(kP0) / ip6 / Ext6{.kind = 51, .body = Bytes(22), .length = 255} / Udp{});
}

void Nested(std::vector<Row>& rows) {
  Packet packet = From(kP0);
  for (int depth = 0; depth < 20; ++depth) packet.Append(Ip4{.src = kClient4, .dst = kFar4});
  packet.Append(Udp{});
  rows.push_back(Crosses("MF_ipip_20_deep", "only the first header is read", packet));
  Packet segments = From(kP0) / Ip6{.src = kClient6, .dst = kFar6};
  segments.Append(Ext6{.kind = 43, .body = {0, 255, 0, 0, 0, 0}});
  segments.Append(Udp{});
  rows.push_back(Crosses("MF_routing_segments_left_255", "transit is not read", segments));
  for (const auto& [name, dst] : {std::pair("own", "10.1.0.1"), std::pair("vip", kVip44)}) {
    Packet nested = From(kP0) / Ip4{.src = kClient4, .dst = dst};
    for (int depth = 0; depth < 20; ++depth) nested.Append(Ip4{.src = kClient4, .dst = dst});
    nested.Append(Udp{});
    const std::string title = std::string("MF_ipip_20_deep_to_") + name;
    rows.push_back(dst == std::string(kVip44)
                       ? Drops(title, "not opened", nested, R::kVipUnknownPort)
                       : GoesUp(title, "the kernel opens it, or not", nested, PuntReason::kLocal));
  }
  Packet chain = From(kP0) / Ip6{.src = kClient6, .dst = kVip66};
  for (int n = 0; n < 100; ++n) chain.Append(Ext6{.kind = 60});
  chain.Append(Tcp{});
  rows.push_back(
      Drops("MF_chain_of_100_to_vip", "bounded walk: no port is read", chain, R::kVipUnknownPort));
  Packet chain_up = From(kP0) / Ip6{.src = kClient6, .dst = "2001:db8:1::1"};
  for (int n = 0; n < 100; ++n) chain_up.Append(Ext6{.kind = 60});
  chain_up.Append(Tcp{.dport = 22});
  rows.push_back(
      GoesUp("MF_chain_of_100_to_own", "the kernel walks it", chain_up, PuntReason::kLocal));
  const Bytes giant = From(kP0) / Ip4{.src = kClient4, .dst = kVip44} / Udp{} / Payload(9188);
  rows.push_back(Drops("MF_frame_of_9216", "port MTU 1,500", giant, R::kRxTooBig));
}

}  // namespace

std::vector<Row> MalformedRows() {
  std::vector<Row> rows;
  for (const Target& target : kTargets) EveryTarget(rows, target);
  Nested(rows);
  return rows;
}

const std::vector<Row>& Catalogue() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    for (const auto make : {RouterIpv4Rows, RouterIpv6Rows, IcmpRows, LinkRows, ExceptionRows,
                            BalancerRows, VipIcmpRows, MalformedRows}) {
      const std::vector<Row> some = make();
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace flyover::test
