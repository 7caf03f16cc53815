#include "router/config/router_schema.h"

#include <limits>
#include <string>

#include "common/base/strong_id.h"
#include "common/config/machine_schema.h"
#include "router/fib/route_capacity.h"

namespace flyover::router {
namespace {

using Presence = SchemaKey::Presence;

Schema NexthopSchema() {
  return MapOf({
      {.name = "gateway",
       .schema = Address(),
       .presence = Presence::kOptional,
       .fallback_words = "the destination is on the port's link",
       .help = "Next router. An IPv4 route may have an IPv6 gateway (RFC 8950)",
       .example = "192.0.2.1"},
      {.name = "weight",
       .schema = Unsigned(1, 256),
       .fallback = "1",
       .help = "Share of the flows, relative to the other next hops",
       .example = "2"},
      {.name = "port",
       .schema = Text(kPortNameFormat),
       .presence = Presence::kOptional,
       .fallback_words = "the route's `port`",
       .help = "Port of this next hop",
       .example = "wan"},
  });
}

Schema RouteSchema() {
  return MapOf({
      {.name = "to",
       .schema = Simple(Schema::Type::kPrefix),
       .presence = Presence::kRequired,
       .help = "Destination prefix",
       .example = "10.9.0.0/16"},
      {.name = "via",
       .schema = OneOrListOf(OneOf({Address(), NexthopSchema()}), 1, 64),
       .presence = Presence::kOptional,
       .fallback_words = "none",
       .help = "Gateway, or a list of next hops that share the flows"},
      {.name = "port",
       .schema = Text(kPortNameFormat),
       .presence = Presence::kOptional,
       .fallback_words = "the port in whose subnet the gateway lies",
       .help = "Port of all next hops that name none. Needed with a link-local gateway",
       .example = "wan"},
      {.name = "type",
       .schema = Enum({"unicast", "blackhole", "unreachable", "prohibit"}),
       .fallback = "unicast",
       .help = "blackhole drops without a word, unreachable and prohibit answer with ICMP"},
      {.name = "vrf",
       .schema = Text(kNameFormat),
       .presence = Presence::kOptional,
       .fallback_words = "that of the port it names, or main",
       .help = "VRF of the route",
       .example = "main"},
      {.name = "leak",
       .schema = Text(kNameFormat),
       .presence = Presence::kOptional,
       .fallback_words = "none",
       .help = "Instead of a next hop: another VRF, in which packets to this prefix are looked up "
               "again. Flyover holds this route, the kernel cannot",
       .example = "main",
       .alternative = true},
      {.name = "metric",
       .schema = Unsigned(0, 0xffff'ffff),
       .fallback = "0",
       .help = "Among routes to one prefix the lowest wins. 0: the kernel's default (IPv4 0, IPv6 "
               "1024)",
       .example = "100"},
  });
}

SchemaKey TypeRate(std::string_view name, std::string fallback, std::string_view help) {
  return {
      .name = name, .schema = Rate(0, 10'000'000), .fallback = std::move(fallback), .help = help};
}

SchemaKey IcmpErrorsKey() {
  return {
      .name = "icmp_errors",
      .schema = MapOf({
          {.name = "rate",
           .schema = Rate(0, 10'000'000),
           .fallback = "1000/s",
           .help = "ICMP errors per second and lcore (RFC 1812 4.3.2.8, RFC 4443 2.4). 0/s: none"},
          {.name = "burst",
           .schema = Unsigned(1, 1'000'000, "packets"),
           .fallback = "100",
           .help = "How many may leave at once after a quiet time"},
          TypeRate("unreachable", "300/s", "What of `rate` destination unreachable may take"),
          TypeRate("time_exceeded", "400/s", "What of `rate` time exceeded may take"),
          TypeRate("too_big", "1000/s",
                   "What of `rate` packet too big and fragmentation needed may take: path MTU "
                   "discovery lives on them"),
          {.name = "per_source",
           .schema = MapOf({
               {.name = "rate",
                .schema = Rate(0, 10'000'000),
                .fallback = "100/s",
                .help = "ICMP errors to one prefix of sources, per second and lcore"},
               {.name = "burst",
                .schema = Unsigned(1, 1'000'000, "packets"),
                .fallback = "20",
                .help = "How many may go to it at once"},
               {.name = "ipv4_length",
                .schema = Unsigned(0, 32),
                .fallback = "24",
                .help = "Length of such a prefix"},
               {.name = "ipv6_length",
                .schema = Unsigned(0, 128),
                .fallback = "64",
                .help = "Length of such a prefix"},
           }),
           .help =
               "A limit for each prefix of sources, so that one network cannot use up the rest"},
          {.name = "source",
           .schema = OneOf({Enum({"outgoing", "incoming"}), Address(), ListOf(Address(), 1, 2)}),
           .fallback = "outgoing",
           .help = "Source address of ICMP errors: of the port that they leave by (RFC 1812 "
                   "4.3.2.4), of the port that the packet came in by, or a fixed one of this box, "
                   "one for each family"},
      }),
      .help = "Errors that the router sends: time exceeded, unreachable, packet too big",
  };
}

SchemaKey CapacityKey(const RouteCapacity& capacity) {
  return {
      .name = "capacity",
      .schema = MapOf({
          {.name = "ipv4",
           .schema = Unsigned(1, 16'000'000, "routes"),
           .fallback = std::to_string(capacity.ipv4),
           .help = "IPv4 routes; a full Internet table has about 1,000,000"},
          {.name = "ipv6",
           .schema = Unsigned(1, 8'000'000, "routes"),
           .fallback = std::to_string(capacity.ipv6),
           .help = "IPv6 routes; a full Internet table has about 230,000"},
      }),
      .help =
          "Room for routes of the kernel. From 90 % on a warning is logged; what is beyond is "
          "refused, counted and shown, and shorter prefixes go on forwarding. `flyover check` "
          "says what memory it takes",
  };
}

}  // namespace

SchemaKey RoutesKey() {
  return {
      .name = "routes",
      .schema = ListOf(RouteSchema(), 0, 65536),
      .fallback = "[]",
      .help =
          "Static routes, put into the kernel as `ip route add` would, with a protocol number of "
          "their own",
  };
}

SchemaKey VrfsKey() {
  return {
      .name = "vrfs",
      .schema =
          NamedMapOf(kNameFormat, "VRF",
                     MapOf({VrfNamespaceKey(), TablesKey(), CapacityKey(RouteCapacity::Small())}),
                     0, kMaxVrfs - 1),
      .fallback = "{}",
      .help =
          "Routing instances beside the main one: each a network namespace with the TAPs of its "
          "ports, its own routes and its own daemons. Services are those of the main one",
      .example = "blue",
  };
}

SchemaKey RouterKey() {
  return {
      .name = "router",
      .schema = MapOf({
          {.name = "ecmp",
           .schema = MapOf({
               {.name = "seed",
                .schema =
                    OneOf({Enum({"auto"}), Unsigned(0, std::numeric_limits<uint64_t>::max())}),
                .fallback = "auto",
                .help = "Seed of the flow hash. auto: from host name and data plane name, so that "
                        "routers in a row choose independently"},
               {.name = "fields",
                .schema = Enum({"ports", "addresses"}),
                .fallback = "ports",
                .help = "ports: addresses, protocol and ports make a flow. addresses: source and "
                        "destination address alone, so that all that two hosts send each other "
                        "takes one way"},
               {.name = "symmetric",
                .schema = Boolean(),
                .fallback = "false",
                .help = "Both directions of a flow get the same hash"},
               {.name = "ipv6_flow_label",
                .schema = Boolean(),
                .fallback = "true",
                .help = "The IPv6 flow label is part of the hash (RFC 6438); not with `fields: "
                        "addresses`, nor with `symmetric`"},
           }),
           .help = "Choice among next hops of equal cost"},
          IcmpErrorsKey(),
          CapacityKey(RouteCapacity()),
      }),
      .help = "Forwarding",
  };
}

}  // namespace flyover::router
