#include "lb/config/lb_schema.h"

#include <limits>
#include <utility>
#include <vector>

#include "lb/quic/quic_cid.h"

namespace flyover::lb {
namespace {

using Presence = SchemaKey::Presence;

const TextFormat kPortsFormat{"a range of ports such as 8000-8100, or any",
                              "any|[0-9]{1,5}-[0-9]{1,5}", 11};
// One line of printable ASCII: nothing that could end a request line or a header.
const TextFormat kTargetFormat{"a request target that begins with '/' and has no spaces", "/[!-~]*",
                               1024};
const TextFormat kHostFormat{"a host name or address, with ':PORT' if need be",
                             "[A-Za-z0-9._:\\[\\]-]+", 255};

const TextFormat kServerNameFormat{"a host name", "[A-Za-z0-9][A-Za-z0-9._-]*", 253};
const TextFormat kProbeTextFormat{"printable ASCII text", "[ -~]*", 512, true};
const TextFormat kGrpcServiceFormat{"the name of a gRPC service, or \"\"", "[A-Za-z0-9_.]*", 100,
                                    true};
const TextFormat kDnsNameFormat{"a DNS name with labels of at most 63 characters, or \".\"",
                                "(\\.|[A-Za-z0-9_-]{1,63}(\\.[A-Za-z0-9_-]{1,63})*\\.?)", 253};

// ParsePercent (common/base/quantity.h) takes exactly these.
const TextFormat kPercentFormat{"a share such as 5% or 0.25%, at most 100%",
                                "(100(\\.00?)?|[0-9]{1,2}(\\.[0-9]{1,2})?)%", 7};

Schema SourceSchema(std::string_view without) {
  return MapOf({
      {.name = "ipv4",
       .schema = Address(IpFamily::kIpv4),
       .presence = Presence::kOptional,
       .fallback_words = without,
       .help = "Towards IPv4 backends",
       .example = "10.255.0.1"},
      {.name = "ipv6",
       .schema = Address(IpFamily::kIpv6),
       .presence = Presence::kOptional,
       .fallback_words = without,
       .help = "Towards IPv6 backends",
       .example = "\"2001:db8:ff::1\""},
  });
}

const TextFormat kQuicIdFormat{"a server id of 1 to 15 bytes, two hexadecimal digits each",
                               "([0-9a-fA-F]{2}){1,15}", 30};
const TextFormat kQuicKeyFormat{"a key of 16 bytes, two hexadecimal digits each", "[0-9a-fA-F]{32}",
                                32};

Schema QuicSchema() {
  return MapOf({
      {.name = "rotation",
       .schema = Unsigned(0, kQuicConfigs - 1),
       .fallback = "0",
       .help = "The first three bits of the connection ids that this is about"},
      {.name = "server_id_length",
       .schema = Unsigned(1, kMaxQuicServerId, "bytes"),
       .presence = Presence::kRequired,
       .help = "Of the server id",
       .example = "3"},
      {.name = "nonce_length",
       .schema = Unsigned(kMinQuicNonce, kMaxQuicPlaintext - 1, "bytes"),
       .presence = Presence::kRequired,
       .help = "Of the nonce behind it; both together at most 19",
       .example = "5"},
      {.name = "key",
       .schema = Text(kQuicKeyFormat),
       .presence = Presence::kOptional,
       .fallback_words = "server ids are sent in the clear",
       .help = "Key by which server id and nonce are encrypted (AES-128)",
       .example = "8f95f09245765f80256934e50c66207f"},
  });
}

Schema BackendSchema() {
  return MapOf({
      {.name = "address",
       .schema = Address(),
       .presence = Presence::kRequired,
       .help =
           "Address of the server, which identifies it: the share of the flows depends on it and "
           "not on the name or the order",
       .example = "10.0.0.11"},
      {.name = "weight",
       .schema = Unsigned(0, 65535),
       .fallback = "100",
       .help =
           "Share of the new flows, relative to the others. 0 drains: flows that run go on, new "
           "ones go elsewhere"},
      {.name = "priority",
       .schema = Unsigned(0, 15),
       .fallback = "0",
       .help =
           "Group of the backend. A group gets new flows only while those of lower numbers have "
           "fewer than `min_up` healthy backends"},
      {.name = "mtu",
       .schema = Unsigned(576, 9216, "bytes"),
       .presence = Presence::kOptional,
       .fallback_words = "the MTU of the port",
       .help = "Largest IP packet that gets through to the server, outer header included, where "
               "that is less than its port carries. Tunnels only",
       .example = "1480"},
      {.name = "df",
       .schema = Enum({"copy", "set", "clear"}),
       .fallback = "copy",
       .help = "Don't-fragment flag of an outer IPv4 header. copy: the inner packet's, and set "
               "around IPv6"},
      {.name = "quic_ids",
       .schema = ListOf(Text(kQuicIdFormat), 1, 64),
       .presence = Presence::kOptional,
       .fallback_words = "no QUIC connection id names it",
       .help = "Server ids that the server writes into its QUIC connection ids, as the service's "
               "`quic` says; of each length that is in use at least one",
       .example = "[c4605e]",
       .alternative = true},
  });
}

// The rungs of kTableSizes (lb/maglev/maglev_table.h); lb_reader_test compares them.
Schema TableSize() {
  return Enum({"auto", "251", "509", "1021", "2039", "4093", "8191", "16381", "32749", "65537",
               "131071", "262139", "655373"});
}

SchemaKey ProbePort() {
  return {.name = "port",
          .schema = Unsigned(1, 65535),
          .presence = Presence::kOptional,
          .fallback_words = "the service's port",
          .help = "Port that is probed",
          .example = "8080"};
}

SchemaKey ProbeHost(std::string_view help) {
  return {.name = "host",
          .schema = Text(kServerNameFormat),
          .presence = Presence::kOptional,
          .fallback_words = "no name is sent",
          .help = help,
          .example = "www.example.net"};
}

SchemaKey ProbeVerify() {
  return {.name = "verify",
          .schema = Boolean(),
          .fallback = "false",
          .help = "Whether the certificate must be valid, and for `host`"};
}

SchemaKey ProbeBody() {
  return {.name = "body",
          .schema = Text(kProbeTextFormat),
          .presence = Presence::kOptional,
          .fallback_words = "any body will do",
          .help = "Text that must stand in the first 64 KiB of the answer",
          .example = "ok"};
}

SchemaKey HttpPath() {
  return {.name = "path",
          .schema = Text(kTargetFormat),
          .fallback = "/",
          .help = "What is asked for",
          .example = "/healthz"};
}

SchemaKey HttpExpect() {
  return {.name = "expect",
          .schema = Unsigned(100, 599, "HTTP status"),
          .fallback = "200",
          .help = "Status of a healthy server"};
}

// A probe besides `http`, which stands in the reference as the example.
SchemaKey OtherProbe(std::string_view name, std::vector<SchemaKey> keys, std::string_view words,
                     std::string_view help) {
  return {.name = name,
          .schema = MapOf(std::move(keys)),
          .presence = Presence::kOptional,
          .fallback_words = words,
          .help = help,
          .alternative = true};
}

Schema HealthSchema() {
  return MapOf({
      {.name = "http",
       .schema = MapOf({
           HttpPath(),
           HttpExpect(),
           {.name = "host",
            .schema = Text(kHostFormat),
            .presence = Presence::kOptional,
            .fallback_words = "the backend's address",
            .help = "Host header",
            .example = "www.example.net"},
           ProbeBody(),
           ProbePort(),
       }),
       .presence = Presence::kOptional,
       .fallback_words = "no HTTP probe",
       .help = "Healthy is who answers a GET with the expected status"},
      OtherProbe("https",
                 {HttpPath(), HttpExpect(), ProbeHost("Host header and server name (SNI)"),
                  ProbeBody(), ProbeVerify(), ProbePort()},
                 "no HTTPS probe", "The same over TLS"),
      OtherProbe("tls", {ProbeHost("Server name (SNI)"), ProbeVerify(), ProbePort()},
                 "no TLS probe", "Healthy is who completes a TLS handshake"),
      OtherProbe("tcp", {ProbePort()}, "no TCP probe", "Healthy is who accepts a connection"),
      OtherProbe("grpc",
                 {{.name = "service",
                   .schema = Text(kGrpcServiceFormat),
                   .fallback = "",
                   .help = "Service that is asked about; \"\": the server as a whole"},
                  ProbePort()},
                 "no gRPC probe",
                 "Healthy is who answers grpc.health.v1.Health/Check with SERVING, over HTTP/2 in "
                 "the clear"),
      OtherProbe("udp",
                 {{.name = "send",
                   .schema = Text(kProbeTextFormat),
                   .fallback = "",
                   .help = "Payload of the packet that is sent"},
                  {.name = "answer",
                   .schema = Text(kProbeTextFormat),
                   .presence = Presence::kOptional,
                   .fallback_words = "any answer will do",
                   .help = "Text that must stand in the answer",
                   .example = "pong"},
                  ProbePort()},
                 "no UDP probe", "Healthy is who answers a packet"),
      OtherProbe("dns",
                 {{.name = "name",
                   .schema = Text(kDnsNameFormat),
                   .fallback = ".",
                   .help = "Name whose IPv4 address is asked for"},
                  ProbePort()},
                 "no DNS probe", "Healthy is who answers a DNS query over UDP without an error"),
      OtherProbe("icmp", {}, "no ICMP probe", "Healthy is who answers an echo request"),
      OtherProbe(
          "exec",
          {{.name = "command",
            .schema = ListOf(Text(kProbeTextFormat), 1, 32),
            .presence = Presence::kRequired,
            .help = "Program and arguments. It finds FLYOVER_ADDRESS and FLYOVER_PORT in its "
                    "environment, and the first line that it prints is shown as the reason",
            .example = "[/usr/local/sbin/check-web, --deep]"},
           ProbePort()},
          "no program is run",
          "Healthy is whom a program calls so, by exit code 0. It runs in `health.namespace`, "
          "at most 64 at a time, and is killed after `timeout`"),
      {.name = "interval",
       .schema = Duration(100, 3'600'000),
       .fallback = "2s",
       .help = "From one probe to the next"},
      {.name = "timeout",
       .schema = Duration(10, 60'000),
       .fallback = "1s",
       .help = "A probe without an answer after this time has failed; at most the interval"},
      {.name = "fall",
       .schema = Unsigned(1, 100, "probes"),
       .fallback = "3",
       .help = "Failures in a row that take a backend out"},
      {.name = "rise",
       .schema = Unsigned(1, 100, "probes"),
       .fallback = "2",
       .help = "Successes in a row that take it in again"},
      {.name = "damping",
       .schema = Duration(0, 3'600'000),
       .fallback = "60s",
       .help = "One that fails again before it was in for this time needs twice as many successes "
               "each time, up to 32 times as many. 0s: never"},
      {.name = "as_client",
       .schema = Boolean(),
       .fallback = "false",
       .help = "Probes travel as clients' packets do: to the service's first VIP, in its "
               "encapsulation. So a backend without the VIP, or that does not open the tunnel, "
               "fails them. Not with `exec`"},
  });
}

Schema ServiceSchema() {
  return MapOf({
      {.name = "vip",
       .schema = OneOrListOf(OneOf({Address(), Simple(Schema::Type::kPrefix)}), 1, 64),
       .presence = Presence::kRequired,
       .help = "Addresses that clients know; a prefix stands for all of its addresses. The longest "
               "that has the packet's port counts",
       .example = "[203.0.113.10, \"2001:db8:100::10\"]"},
      {.name = "protocol",
       .schema = Enum({"tcp", "udp"}),
       .fallback = "tcp",
       .help = "Transport protocol"},
      {.name = "port",
       .schema = OneOf({Unsigned(1, 65535), Text(kPortsFormat)}),
       .presence = Presence::kRequired,
       .help = "Port that clients know, and that the servers listen on, a range of ports, or any. "
               "A single port goes before a range, and that before any",
       .example = "80"},
      {.name = "forward",
       .schema = Enum({"l2dsr", "l3dsr", "ipip", "gre", "gue"}, {"nat", "fullnat"}),
       .presence = Presence::kRequired,
       .help =
           "l2dsr: the packet goes unchanged to the backend's MAC address, on a connected link. "
           "l3dsr: it gets the backend's address as its destination, and a DSCP that stands for "
           "the VIP. ipip, gre, gue: it is wrapped in an IP header to the backend, alone, with a "
           "GRE header or with a UDP header whose source port spreads flows, any number of hops "
           "away",
       .example = "ipip"},
      {.name = "source",
       .schema = SourceSchema("`balancer.source`"),
       .help = "Source addresses of the outer header (ipip, gre, gue)"},
      {.name = "gue",
       .schema = MapOf({
           {.name = "variant",
            .schema = Unsigned(0, 1),
            .fallback = "0",
            .help = "0: a GUE header of four bytes. 1: none, the IP packet follows the UDP header"},
           {.name = "port",
            .schema = Unsigned(1, 65535),
            .fallback = "6080",
            .help = "UDP port that the backends take them on"},
       }),
       .help = "How `forward: gue` wraps",
       .alternative = true},
      {.name = "dscp",
       .schema = Unsigned(1, 63),
       .presence = Presence::kOptional,
       .fallback_words = "no meaning but with `forward: l3dsr`, which needs it",
       .help = "Stands for the service's VIP on the way to the backends. The packet's own DSCP is "
               "lost, its ECN field stays",
       .example = "5",
       .alternative = true},
      {.name = "too_big",
       .schema = Enum({"icmp", "fragment"}),
       .fallback = "icmp",
       .help = "What the outer header makes too long for the way to the backend. icmp: the client "
               "is told the MTU that is left. fragment: an outer IPv4 packet is cut (its DF is "
               "cleared), which the backend's kernel has to put together"},
      {.name = "tcp_mss",
       .schema = Unsigned(216, 9176, "bytes"),
       .presence = Presence::kOptional,
       .fallback_words = "clients' SYNs stay as they are",
       .help = "Largest MSS that a client's SYN tells the servers: bounds the segments that they "
               "send",
       .example = "1400"},
      {.name = "table_size",
       .schema = TableSize(),
       .presence = Presence::kOptional,
       .fallback_words = "`balancer.table_size`",
       .help = "Slots of the service's Maglev table",
       .example = "65537"},
      {.name = "affinity",
       .schema = Enum({"flow", "source", "source_prefix", "source_and_port", "packet"}),
       .fallback = "flow",
       .help =
           "What chooses the backend. flow: addresses, ports and protocol. source: the client's "
           "address; services with the same backends agree about it. source_prefix: its first "
           "bits. source_and_port: its address and the VIP's port. packet: each UDP packet anew"},
      {.name = "affinity_prefix",
       .schema = MapOf({
           {.name = "ipv4",
            .schema = Unsigned(1, 32, "bits"),
            .fallback = "24",
            .help = "Of IPv4 sources"},
           {.name = "ipv6",
            .schema = Unsigned(1, 128, "bits"),
            .fallback = "56",
            .help = "Of IPv6 sources"},
       }),
       .help = "How much of the client's address counts with `affinity: source_prefix`",
       .alternative = true},
      {.name = "quic",
       .schema = ListOf(QuicSchema(), 1, kQuicConfigs),
       .presence = Presence::kOptional,
       .fallback_words = "connection ids are not looked at",
       .help = "How QUIC connection ids name their server (QUIC-LB, "
               "draft-ietf-quic-load-balancers-21): such packets go there, whatever address the "
               "client has by now, all others by `affinity`. With protocol: udp. Two or more are "
               "for changing from one to the next",
       .alternative = true},
      {.name = "backends",
       .schema = NamedMapOf(kNameFormat, "backend", BackendSchema(), 0, 4096),
       .presence = Presence::kRequired,
       .help = "The servers, each under a name of your choice",
       .example = "web1"},
      {.name = "min_up",
       .schema = Unsigned(1, 4096, "backends"),
       .fallback = "1",
       .help =
           "So many healthy backends with a weight suffice; while there are fewer, the group of "
           "the next `priority` joins in"},
      {.name = "panic_threshold",
       .schema = Unsigned(0, 100, "percent"),
       .fallback = "0",
       .help = "While fewer of the backends with a weight are up than this, health is not believed "
               "and all of them get new flows: the few that are left would break down too"},
      {.name = "swallow_weight",
       .schema = Unsigned(1, 100, "percent"),
       .fallback = "100",
       .help = "What a backend keeps of its weight while it swallows connections (`flyover show "
               "handshakes`): new flows go to the others, enough come to see when it has mended. "
               "100: an alarm, and no more"},
      {.name = "announce",
       .schema = Boolean(),
       .fallback = "true",
       .help = "Whether this service's backends count for `balancer.announce`. A VIP without any "
               "service that does is not announced"},
      {.name = "all_down",
       .schema = Enum({"drop", "fail_open"}),
       .fallback = "drop",
       .help =
           "When no backend is up. drop: new flows are dropped. fail_open: all get new flows, as "
           "if none were checked, since it often is the check that fails"},
      {.name = "slow_start",
       .schema = Duration(0, 3'600'000, 1000),
       .fallback = "0s",
       .help =
           "A backend that comes up, is enabled, or joins a running service gets a tenth of its "
           "weight at first, and the whole after this time"},
      {.name = "health",
       .schema = HealthSchema(),
       .presence = Presence::kOptional,
       .fallback_words = "backends are always taken for healthy",
       .help = "How the servers are probed"},
  });
}

}  // namespace

SchemaKey ServicesKey() {
  return {
      .name = "services",
      .schema = NamedMapOf(kNameFormat, "service", ServiceSchema(), 0, 16384),
      .fallback = "{}",
      .help = "What is balanced, each under a name of your choice",
      .example = "web",
  };
}

SchemaKey BalancerKey() {
  return {
      .name = "balancer",
      .schema = MapOf({
          {.name = "seed",
           .schema = Unsigned(0, std::numeric_limits<uint64_t>::max()),
           .fallback = "0",
           .help =
               "Boxes with the same seed and the same services send a flow to the same backend"},
          {.name = "connections",
           .schema = MapOf({
               {.name = "capacity",
                .schema = Unsigned(1024, 134'217'728, "flows"),
                .fallback = "1048576",
                .help = "Flows that are remembered, over all lcores"},
               {.name = "tcp_timeout",
                .schema = Duration(1000, 14'400'000, 1000),
                .fallback = "5m",
                .help = "A TCP flow without packets is forgotten after this time"},
               {.name = "udp_timeout",
                .schema = Duration(1000, 14'400'000, 1000),
                .fallback = "30s",
                .help = "The same for UDP"},
               {.name = "change_window",
                .schema = Duration(1000, 14'400'000, 1000),
                .presence = Presence::kOptional,
                .fallback_words = "the timeout of the service's protocol",
                .help = "After a change of a service's table, how long flows that are not "
                        "remembered are still answered by the tables before it: a flow that "
                        "sends a packet in this time keeps its backend",
                .example = "5m"},
           }),
           .help = "Table of flows, which keeps a flow at its backend when the set of backends "
                   "changes"},
          {.name = "table_size",
           .schema = TableSize(),
           .fallback = "65537",
           .help = "Slots of the Maglev tables of services that name none. auto: the smallest with "
                   "100 slots a backend, so that crossing from one to the next moves nearly all "
                   "new flows of the service"},
          {.name = "unknown_port",
           .schema = Enum({"drop", "reject"}),
           .fallback = "drop",
           .help = "What comes to a VIP's port that no service has: dropped, or answered as a host "
                   "would, by a RST or port unreachable, up to 1000 a second and lcore"},
          {.name = "announce",
           .schema = MapOf({
               {.name = "table",
                .schema = OneOf({Enum({"main"}), Unsigned(1, 0xffff'ffff)}),
                .presence = Presence::kRequired,
                .help = "Kernel route table that the routes are put into, with protocol 171",
                .example = "171"},
               {.name = "hold_up",
                .schema = Duration(0, 3'600'000, 1),
                .fallback = "5s",
                .help = "A VIP is announced when it has had backends for this time"},
               {.name = "hold_down",
                .schema = Duration(0, 3'600'000, 1),
                .fallback = "3s",
                .help = "A VIP is withdrawn when it has had none for this time"},
           }),
           .presence = Presence::kOptional,
           .fallback_words = "VIPs are not announced",
           .help = "VIPs as routes of the kernel while they have backends, for FRR or BIRD to "
                   "redistribute. Flyover itself does not forward by them"},
          {.name = "source",
           .schema = SourceSchema("every ipip service with such backends names its own"),
           .help = "Source addresses of the outer header, for services that name none"},
      }),
      .help = "What all services share",
  };
}

SchemaKey HealthKey() {
  return {
      .name = "health",
      .schema = MapOf({
          {.name = "namespace",
           .schema = Text(kNamespaceFormat),
           .fallback = "",
           .help = "Network namespace that probes are sent from"},
      }),
      .help = "What all health checks share",
  };
}

SchemaKey ChangesKey() {
  return {
      .name = "changes",
      .schema = MapOf({
          {.name = "max_moved",
           .schema = Text(kPercentFormat),
           .presence = Presence::kOptional,
           .fallback_words = "a reload may move anything",
           .help = "A reload that would move a larger share of a service's slots, or break a "
                   "larger share of the flows to a VIP and port, is refused unless it is forced "
                   "(`flyover plan` tells beforehand)",
           .example = "5%"},
      }),
      .help = "What a reload may do to flows",
  };
}

}  // namespace flyover::lb
