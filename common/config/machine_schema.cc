#include "common/config/machine_schema.h"

#include <utility>

#include "common/base/strong_id.h"
#include "common/datapath/reasons.h"
#include "common/log/log.h"

namespace flyover {
namespace {

using Presence = SchemaKey::Presence;
using Type = Schema::Type;

// A name without '.', ':', '=' or ',' that is no DPDK driver either is the name of a kernel
// interface (eth0), the newcomer's likeliest mistake.
const TextFormat kDeviceFormat{
    "a PCI address such as 0000:3b:00.0, or a DPDK vdev such as net_af_packet0,iface=veth1",
    "(net_[!-~]+|[!-~]*[.:=,][!-~]*)", 512};
const TextFormat kListenFormat{"an address with port such as 127.0.0.1:9142 or [::1]:9142",
                               "([0-9.]{7,15}|\\[[0-9A-Fa-f:.]{2,45}\\]):[1-9][0-9]{0,4}", 64};
const TextFormat kGroupFormat{"the name of a group, or \"\" for none",
                              "([A-Za-z0-9_][A-Za-z0-9_.-]{0,31})?", 32, true};
const TextFormat kSocketFormat{
    "an absolute path of at most 107 bytes (sun_path), or \"\" for the data plane's folder",
    "(/[!-~]*)?", 107, true};

Schema LevelSchema() { return Enum({"trace", "debug", "info", "warn", "error", "off"}); }

Schema AreasSchema() {
  std::vector<SchemaKey> areas;
  const auto add = [&](std::string_view name) {
    areas.push_back({.name = name,
                     .schema = LevelSchema(),
                     .presence = Presence::kOptional,
                     .fallback_words = "`log.level`",
                     .help = "Level of this area",
                     .example = "info"});
  };
#define X(area, name) add(name);
  FLYOVER_LOG_AREAS(X)
#undef X
  return MapOf(std::move(areas));
}

Schema PortSchema() {
  return MapOf({
      {.name = "device",
       .schema = Text(kDeviceFormat),
       .presence = Presence::kOptional,
       .fallback_words = "the port is what its 'bond', 'vlan' or 'tunnel' says",
       .help =
           "What DPDK opens: a PCI address, or a vdev with its arguments (the lab needs no NIC)",
       .example = "\"0000:3b:00.0\""},
      {.name = "bond",
       .schema = MapOf({
           {.name = "mode",
            .schema = Enum({"active-backup", "802.3ad"}),
            .fallback = "active-backup",
            .help =
                "active-backup: one member carries everything, the first of the list if it can. "
                "802.3ad: all that the switch agrees to by LACP share the flows"},
           {.name = "members",
            .schema = ListOf(Text(kDeviceFormat), 1, 8),
            .presence = Presence::kRequired,
            .help = "The devices, as for 'device'",
            .example = "[\"0000:3b:00.0\", \"0000:3b:00.1\"]"},
       }),
       .presence = Presence::kOptional,
       .fallback_words = "the port is one device",
       .help = "Several devices as one port, instead of a device",
       .alternative = true},
      {.name = "vlan",
       .schema = MapOf({
           {.name = "port",
            .schema = Text(kPortNameFormat),
            .presence = Presence::kRequired,
            .help = "The port, a device, whose tagged frames these are",
            .example = "lan"},
           {.name = "id",
            .schema = Unsigned(1, 4094),
            .presence = Presence::kRequired,
            .help = "VLAN id; of the outer tag (0x88a8), where 'inner' is given",
            .example = "100"},
           {.name = "inner",
            .schema = Unsigned(1, 4094),
            .presence = Presence::kOptional,
            .fallback_words = "one tag",
            .help = "QinQ: VLAN id of the inner tag",
            .example = "7"},
       }),
       .presence = Presence::kOptional,
       .fallback_words = "the port is a device",
       .help = "A sub-interface of another port, with a TAP and all other settings of its own, "
               "instead of a device",
       .alternative = true},
      {.name = "tunnel",
       .schema = MapOf({
           {.name = "kind",
            .schema = Enum({"ipip", "gre", "vxlan"}),
            .presence = Presence::kRequired,
            .help =
                "ipip: IP in IP, IPv6 too (6in4). gre: RFC 2784. vxlan: RFC 7348, Ethernet inside",
            .example = "gre"},
           {.name = "local",
            .schema = Address(),
            .presence = Presence::kRequired,
            .help = "An address of this box, which the other end sends to",
            .example = "192.0.2.2"},
           {.name = "remote",
            .schema = Address(),
            .presence = Presence::kRequired,
            .help = "The other end, of the same family",
            .example = "198.51.100.7"},
           {.name = "key",
            .schema = Unsigned(0, 0xffff'ffff),
            .presence = Presence::kOptional,
            .fallback_words = "no key",
            .help = "GRE: the key that both ends use (RFC 2890)",
            .example = "7"},
           {.name = "vni",
            .schema = Unsigned(0, 0xff'ffff),
            .presence = Presence::kOptional,
            .fallback_words = "required for vxlan",
            .help = "VXLAN: the network identifier",
            .example = "100",
            .alternative = true},
           {.name = "ttl",
            .schema = Unsigned(1, 255),
            .fallback = "64",
            .help = "TTL of the outer header"},
           {.name = "underlay",
            .schema = Text(kNameFormat),
            .fallback = std::string(kMainVrfName),
            .help = "VRF that the outer packets travel in"},
       }),
       .presence = Presence::kOptional,
       .fallback_words = "the port is a device",
       .help =
           "A link to one other router over IP, instead of a device. Its TAP lets routing daemons "
           "speak over it",
       .alternative = true},
      {.name = "mtu",
       .schema = Unsigned(576, 9216, "bytes"),
       .presence = Presence::kOptional,
       .fallback_words = "1500, the MTU of the port below, or 1500 less the tunnel's headers",
       .help = "Largest IP packet of the link. IPv6 needs at least 1280",
       .example = "1500"},
      {.name = "addresses",
       .schema = OneOrListOf(Simple(Type::kInterfaceAddress), 0, 64),
       .fallback = "[]",
       .help = "Own addresses, each with the length of its subnet; put on the port's TAP as `ip "
               "address add` would",
       .example = "[192.0.2.2/24, \"2001:db8::2/64\"]"},
      {.name = "queues",
       .schema = OneOf({Enum({"auto"}), Unsigned(1, kMaxLcores)}),
       .fallback = "auto",
       .help = "Receive queues. auto: one for each lcore, or as many as the device has"},
      {.name = "mac",
       .schema = Simple(Type::kMac),
       .presence = Presence::kOptional,
       .fallback_words = "the device's own",
       .help = "Ethernet address of the port and of its TAP",
       .example = "\"02:00:00:00:00:01\""},
      {.name = "tap",
       .schema = Text(kInterfaceFormat),
       .presence = Presence::kOptional,
       .fallback_words = "the port's name",
       .help = "Name of the TAP, the port's face in the kernel",
       .example = "wan"},
      {.name = "vrf",
       .schema = Text(kNameFormat),
       .fallback = std::string(kMainVrfName),
       .help = "VRF of what comes in here; the TAP is in that VRF's namespace",
       .example = "main"},
      {.name = "promiscuous",
       .schema = Boolean(),
       .fallback = "false",
       .help = "Whether the device takes frames for other MAC addresses (they are counted and "
               "dropped as not_for_us)"},
      {.name = "offloads",
       .schema = Boolean(),
       .fallback = "true",
       .help =
           "Whether the device may check IPv4 checksums, and take off and put on the VLAN tags of "
           "sub-interfaces, where it can"},
      {.name = "urpf",
       .schema = Enum({"off", "strict", "loose", "feasible"}),
       .fallback = "off",
       .help = "Check of the sources of what comes in (RFC 3704, RFC 8704): strict, the best route "
               "back leads to this port; feasible, some route back does; loose, there is one. A "
               "default route counts. Not for ports with L2-DSR backends, whose sources are VIPs"},
      {.name = "fragment",
       .schema = Enum({"on", "off"}),
       .fallback = "on",
       .help = "on: IPv4 packets without DF that are too long for this port are cut (RFC 791). "
               "off: they are refused with fragmentation needed"},
      {.name = "tcp_mss",
       .schema = OneOf({Enum({"off", "auto"}), Unsigned(536, 9176, "bytes")}),
       .fallback = "off",
       .help = "Largest MSS that TCP connections over this port may agree on; IPv6 gets 20 bytes "
               "less. auto: what the port's MTU holds",
       .example = "auto"},
      {.name = "dscp",
       .schema = OneOf({Enum({"off"}), Unsigned(0, 63)}),
       .fallback = "off",
       .help = "DSCP that what comes in by this port is sent on with (RFC 2474); ECN stays"},
      {.name = "directed_broadcast",
       .schema = Enum({"off", "on"}),
       .fallback = "off",
       .help = "on: packets from elsewhere to the broadcast address of this port's subnet are sent "
               "to all its hosts (RFC 2644 says off)"},
  });
}

}  // namespace

SchemaKey DataplaneKey() {
  return {
      .name = "dataplane",
      .schema = MapOf({
          {.name = "name",
           .schema = Text(kNameFormat),
           .fallback = "flyover",
           .help =
               "Tells the data planes of one machine apart: prefix of DPDK's files, name of the "
               "folder in runtime_dir"},
          {.name = "lcores",
           .schema = OneOf({Enum({"auto"}), Unsigned(1, kMaxLcores, "lcores"),
                            ListOf(Unsigned(0, 1023, "CPU"), 1, kMaxLcores)}),
           .fallback = "auto",
           .help = "Forwarding cores: how many, or which CPUs. auto: all but one, which stays with "
                   "the kernel",
           .example = "auto"},
          {.name = "idle",
           .schema = Enum({"adaptive", "poll"}),
           .fallback = "adaptive",
           .help = "adaptive: after one second without packets a lcore sleeps until one comes. "
                   "poll: it "
                   "never sleeps, for the lowest latency"},
          {.name = "burst",
           .schema = Unsigned(1, 64, "packets"),
           .fallback = "64",
           .help = "Most packets that a lcore takes from a queue at once"},
          {.name = "runtime_dir",
           .schema = Text(kPathFormat),
           .fallback = "/run/flyover",
           .help = "Folder for lock and sockets; each data plane has its own folder in it"},
          {.name = "memory",
           .schema = MapOf({
               {.name = "hugepages",
                .schema = Enum({"auto", "off", "required"}),
                .fallback = "auto",
                .help = "auto: hugepages are set up, and without them the start goes on with a "
                        "warning. required: it fails. off: ordinary memory"},
               {.name = "mbufs_per_numa",
                .schema = Unsigned(1024, 16'777'216, "packet buffers"),
                .fallback = "65536",
                .help =
                    "Packet buffers for each NUMA node that has a port or a lcore, about 2.3 KiB "
                    "each at MTU 1500"},
           }),
           .help = "Memory for packets"},
      }),
      .help = "Cores and memory of the data plane",
  };
}

SchemaKey PortsKey() {
  return {
      .name = "ports",
      .schema = NamedMapOf(kNameFormat, "port", PortSchema(), 1, kMaxPorts),
      .presence = Presence::kRequired,
      .help = "The devices that packets enter and leave by, each under a name of your choice",
      .example = "wan",
  };
}

SchemaKey TablesKey() {
  return {
      .name = "tables",
      .schema = OneOrListOf(OneOf({Enum({"main", "default"}), Unsigned(1, 0xffff'ffff)}), 1, 8),
      .fallback = "main",
      .help = "Kernel route tables that are mirrored into the forwarding table, by name or number",
      .example = "[main]",
  };
}

SchemaKey VrfNamespaceKey() {
  return {
      .name = "namespace",
      .schema = Text(kNamespaceFormat),
      .presence = Presence::kRequired,
      .help = "Network namespace of its ports' TAPs, its routes and its daemons",
      .example = "blue",
  };
}

SchemaKey KernelKey() {
  return {
      .name = "kernel",
      .schema = MapOf({
          {.name = "namespace",
           .schema = Text(kNamespaceFormat),
           .fallback = "",
           .help =
               "Network namespace of the TAPs. Empty: the daemon's own, so that the machine's sshd "
               "answers on the ports"},
          TablesKey(),
      }),
      .help =
          "The kernel is the control plane's database: routes, neighbours and addresses are read "
          "from it",
  };
}

SchemaKey PuntKey() {
  std::vector<SchemaKey> classes;
  classes.reserve(kPuntClassCount);
  for (const PuntClassInfo& info : kPuntClasses) {
    classes.push_back({.name = info.label,
                       .schema = Rate(1, 100'000'000),
                       .fallback = std::to_string(info.default_rate) + "/s",
                       .help = info.help});
  }
  return {
      .name = "punt",
      .schema = MapOf(std::move(classes)),
      .help =
          "Packets for the box itself that go up to the kernel, in packets per second and lcore; "
          "classes are policed apart, so that a flood of one cannot drown the others",
  };
}

SchemaKey MetricsKey() {
  return {
      .name = "metrics",
      .schema = MapOf({
          {.name = "listen",
           .schema = OneOf({Enum({"off"}), Text(kListenFormat)}),
           .fallback = "127.0.0.1:9142",
           .help = "Where Prometheus may scrape, or off",
           .example = "\"127.0.0.1:9142\""},
          {.name = "namespace",
           .schema = Text(kNamespaceFormat),
           .fallback = "",
           .help = "Network namespace of that endpoint"},
      }),
      .help = "Prometheus endpoint",
  };
}

SchemaKey ControlKey() {
  return {
      .name = "control",
      .schema = MapOf({
          {.name = "socket",
           .schema = Text(kSocketFormat),
           .fallback = "",
           .help = "UNIX socket that the flyover command talks to. Empty: "
                   "<runtime_dir>/<name>/control.sock"},
          {.name = "group",
           .schema = Text(kGroupFormat),
           .fallback = "",
           .help = "Members of this group may use it, besides root and the daemon's own user"},
      }),
      .help = "Control socket",
  };
}

SchemaKey LogKey() {
  return {
      .name = "log",
      .schema = MapOf({
          {.name = "level",
           .schema = LevelSchema(),
           .fallback = "info",
           .help = "Least severe messages that are written"},
          {.name = "areas",
           .schema = AreasSchema(),
           .help = "Areas with another level than the rest"},
          {.name = "format",
           .schema = Enum({"text", "json"}),
           .fallback = "text",
           .help = "json: one object a line"},
      }),
      .help = "Messages of the daemon on stderr",
  };
}

}  // namespace flyover
