// Ports, lcores, routes, neighbours, services, backends, connections: one table each.
#include <cstdio>

#include "tools/flyover/render.h"
#include "tools/flyover/table.h"
#include "tools/flyover/units.h"

namespace flyover {
namespace {

constexpr auto kRight = Table::Align::kRight;

std::string Join(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : " ") + item;
  return text;
}

std::string Count(uint64_t count, const RenderOptions& options) {
  return options.exact ? ExactCount(count) : HumanCount(count);
}
std::string Bytes(uint64_t bytes, const RenderOptions& options) {
  return options.exact ? ExactCount(bytes) : HumanBytes(bytes);
}

Table RouteTable() {
  return Table({{"PREFIX"},
                {"METRIC", kRight},
                {"PROTOCOL"},
                {"ACTION"},
                {"PACKETS", kRight},
                {"VIA"},
                {"PORT"},
                {"WEIGHT", kRight},
                {"NEIGHBOR"},
                {"MAC"}});
}

// A line for each next hop; the route stands on the first.
void AddRoute(Table& table, const RouteResult& route, const RenderOptions& options) {
  const std::string action = route.action + (route.leak.empty() ? "" : " into " + route.leak);
  std::vector<std::string> head = {route.prefix, std::to_string(route.metric), route.protocol,
                                   action + (route.active ? "" : " (inactive)"),
                                   Count(route.packets, options)};
  if (route.nexthops.empty()) table.AddRow(head);
  for (const NexthopResult& hop : route.nexthops) {
    std::vector<std::string> row = head;
    row.insert(row.end(), {hop.gateway.empty() ? "on-link" : hop.gateway, hop.port,
                           std::to_string(hop.weight), hop.state, hop.mac});
    table.AddRow(std::move(row));
    head.assign(5, "");
  }
}

}  // namespace

std::string Render(const PortsResult& result, const RenderOptions& options) {
  Table traffic({{"PORT"},
                 {"LINK"},
                 {"SPEED", kRight},
                 {"RX", kRight},
                 {"RX-BYTES", kRight},
                 {"TX", kRight},
                 {"TX-BYTES", kRight},
                 {"MISSED", kRight},
                 {"ERRORS", kRight},
                 {"NO-MBUF", kRight},
                 {"TO-KERNEL", kRight},
                 {"FROM-KERNEL", kRight}});
  Table details({{"PORT"},
                 {"DEVICE"},
                 {"DRIVER"},
                 {"QUEUES"},
                 {"MTU", kRight},
                 {"MAC"},
                 {"TAP"},
                 {"ADDRESSES"}});
  for (const PortResult& p : result.ports) {
    const std::string link = !p.admin_up ? "shut" : p.link_up ? "up" : "down";
    traffic.AddRow({p.name, link, HumanSpeed(p.speed_mbps), Count(p.rx_packets, options),
                    Bytes(p.rx_bytes, options), Count(p.tx_packets, options),
                    Bytes(p.tx_bytes, options), Count(p.rx_missed, options),
                    Count(p.rx_errors, options), Count(p.rx_no_mbuf, options),
                    Count(p.tap_in_packets, options), Count(p.tap_out_packets, options)});
    details.AddRow({p.name, p.device, p.driver,
                    std::to_string(p.rx_queues) + "/" + std::to_string(p.tx_queues),
                    std::to_string(p.mtu), p.mac, p.tap, Join(p.addresses)});
  }
  if (traffic.empty()) return "no ports\n";
  Table features({{"PORT"}, {"FEATURES"}});
  for (const PortResult& p : result.ports) {
    std::string words;
    for (const std::string& feature : p.features) words += (words.empty() ? "" : ", ") + feature;
    for (const std::string& offload : p.offloads) {
      words += (words.empty() ? "device: " : ", device: ") + offload;
    }
    if (!words.empty()) features.AddRow({p.name, words});
  }
  Table members({{"PORT"}, {"MEMBER"}, {"LINK"}, {"ROLE"}});
  for (const PortResult& p : result.ports) {
    for (const BondMemberResult& m : p.members) {
      members.AddRow({p.name, m.device, m.link_up ? "up" : "down", m.active ? "active" : "spare"});
    }
  }
  return traffic.Render() + "\n" + details.Render() +
         (members.empty() ? "" : "\n" + members.Render()) +
         (features.empty() ? "" : "\n" + features.Render());
}

namespace {

// Those stages that packets came to; cycles are of each packet that the lcore received.
std::string RenderStages(const LcoreResult& lcore, const RenderOptions& options) {
  const std::string name = "lcore " + std::to_string(lcore.index);
  if (lcore.stages.front().packets == 0) return name + ": no packets in the time sampled\n";
  Table table({{"STAGE"}, {"CYCLES/PACKET", kRight}, {"PACKETS", kRight}});
  double sum = 0;
  const auto tenths = [](double value) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.1f", value);
    return std::string(text);
  };
  for (const StageResult& stage : lcore.stages) {
    if (stage.cycles == 0) continue;
    sum += stage.cycles_per_packet;
    table.AddRow({stage.name, tenths(stage.cycles_per_packet), Count(stage.packets, options)});
  }
  table.AddRow({"all", tenths(sum), Count(lcore.stages.front().packets, options)});
  return name + "\n" + table.Render();
}

}  // namespace

std::string Render(const LcoresResult& result, const RenderOptions& options) {
  Table table({{"LCORE", kRight},
               {"CPU", kRight},
               {"NUMA", kRight},
               {"BUSY", kRight},
               {"STATE"},
               {"PACKETS", kRight},
               {"BURSTS", kRight},
               {"PER-BURST", kRight},
               {"P50", kRight},
               {"P99", kRight},
               {"LOOP-MAX", kRight},
               {"QUEUES"}});
  for (const LcoreResult& l : result.lcores) {
    const uint64_t tenths = l.bursts == 0 ? 0 : l.packets * 10 / l.bursts;
    table.AddRow({std::to_string(l.index), std::to_string(l.cpu), std::to_string(l.numa),
                  HumanPercent(l.busy_percent), l.sleeping ? "asleep" : "polling",
                  Count(l.packets, options), Count(l.bursts, options),
                  std::to_string(tenths / 10) + "." + std::to_string(tenths % 10),
                  HumanDuration(l.residence_p50_us / 1e6), HumanDuration(l.residence_p99_us / 1e6),
                  HumanDuration(static_cast<double>(l.loop_max_us) / 1e6), Join(l.ports_queues)});
  }
  std::string text = table.empty() ? "no lcores\n" : table.Render();
  for (const LcoreResult& l : result.lcores) {
    if (!l.stages.empty()) text += "\n" + RenderStages(l, options);
  }
  return text;
}

std::string Render(const RoutesResult& result, const RenderOptions& options) {
  Table table = RouteTable();
  for (const RouteResult& route : result.routes) AddRoute(table, route, options);
  std::string text = table.empty() ? "" : table.Render();
  for (const RouteRoomResult& room : result.room) {
    if (room.state == "room") continue;
    text += (room.family == "ipv4" ? "IPv4: " : "IPv6: ") +
            std::string(room.state == "full" ? "the table is full" : "the table is nearly full") +
            ": " + Count(room.routes, options) + " of " + Count(room.route_limit, options) +
            " routes, " + Count(room.blocks, options) + " of " + Count(room.block_limit, options) +
            " blocks; " + Count(room.refused, options) + " routes refused\n";
  }
  text += std::to_string(result.total) + " routes";
  if (result.routes.size() < result.total) {
    text += " (" + std::to_string(result.routes.size()) + " shown; --limit 0 shows all)";
  }
  return text + "; FIB: " + Count(result.fib4_entries, options) + " IPv4, " +
         Count(result.fib6_entries, options) + " IPv6, " + HumanBytes(result.fib_memory_bytes) +
         "\n";
}

std::string Render(const RouteExplainResult& result, const RenderOptions& options) {
  std::string text =
      Printable(result.address) + ": " +
      (result.verdict.empty() && !result.found ? "no route" : Printable(result.verdict)) + "\n";
  if (!result.found) return text;
  Table table = RouteTable();
  AddRoute(table, result.route, options);
  return text + table.Render();
}

// A line for each member; the group stands on the first.
std::string Render(const EcmpResult& result, const RenderOptions& options) {
  Table table({{"GROUP", kRight},
               {"ROUTES", kRight},
               {"PACKETS", kRight},
               {"BUCKETS", kRight},
               {"ERROR", kRight},
               {"MOVED"},
               {"VIA"},
               {"PORT"},
               {"WEIGHT", kRight},
               {"STATE"},
               {"SHARE", kRight},
               {"WANTED", kRight}});
  for (const EcmpGroupResult& group : result.groups) {
    const std::string moved = group.changed_of == 0
                                  ? "-"
                                  : std::to_string(group.changed_moved) + " (least " +
                                        std::to_string(group.changed_least) + ") of " +
                                        std::to_string(group.changed_of);
    std::vector<std::string> head = {std::to_string(group.group),
                                     Count(group.routes, options),
                                     Count(group.packets, options),
                                     std::to_string(group.buckets),
                                     HumanPercent(group.worst_error_percent),
                                     moved};
    for (const EcmpMemberResult& member : group.members) {
      std::vector<std::string> row = head;
      row.insert(row.end(),
                 {member.gateway, member.port, std::to_string(member.weight), member.state,
                  HumanPercent(member.share_percent), HumanPercent(member.wanted_percent)});
      table.AddRow(std::move(row));
      head.assign(6, "");
    }
  }
  if (table.empty()) return "no groups of several next hops\n";
  std::string text = table.Render() + std::to_string(result.total) + " groups";
  if (result.groups.size() < result.total) {
    text += " (" + std::to_string(result.groups.size()) + " shown; --limit 0 shows all)";
  }
  return text + "\n";
}

// As `ip route get` has it: "10.9.0.1 via 10.2.0.2 dev lan" and what else there is to say.
std::string Render(const LookupsResult& result, const RenderOptions&) {
  std::string text;
  for (const LookupResult& lookup : result.lookups) {
    text += Printable(lookup.address) + " " +
            (lookup.prefix.empty() ? "no route" : Printable(lookup.prefix)) + " " +
            (lookup.leak.empty() ? "" : "in " + Printable(lookup.leak) + " ") +
            Printable(lookup.action);
    const char* separator = " ";
    for (const LookupHopResult& hop : lookup.nexthops) {
      text += separator;
      if (hop.gateway != lookup.address) text += "via " + Printable(hop.gateway) + " ";
      text += "port " + Printable(hop.port);
      if (hop.mtu != 0) text += " mtu " + std::to_string(hop.mtu);
      text += " " + Printable(hop.state);
      separator = ", ";
    }
    text += "\n";
  }
  return text;
}

std::string Render(const SyncResult& result, const RenderOptions& options) {
  std::string text = "routes     " + Count(result.kernel_routes, options) +
                     " of the kernel; FIB: " + Count(result.fib4_entries, options) + " IPv4, " +
                     Count(result.fib6_entries, options) + " IPv6; " +
                     Count(result.routes_refused, options) + " refused for want of room (" +
                     Count(result.routes_waiting, options) + " still are), " +
                     Count(result.routes_foreign, options) + " over other interfaces\n";
  text += "messages   " + Count(result.messages, options) + " read, " +
          Count(result.malformed, options) + " malformed, " + Count(result.losses, options) +
          " times lost; queue " + HumanBytes(result.queue_bytes) + ", lag " +
          HumanDuration(result.lag_seconds) + "\n";
  text += "resyncs    " + Count(result.resyncs, options) + ", " +
          Count(result.resyncs_failed, options) + " failed; the last took " +
          HumanDuration(result.resync_seconds) + ", " + HumanDuration(result.resync_age_seconds) +
          " ago" + (result.resync_due ? "; one is due" : "") + "\n";
  if (!result.compared) return text;
  for (const SyncDifferenceResult& leak : result.leaks) {
    text += "leak       " + Printable(leak.prefix) + ": " + Printable(leak.flyover) +
            " (of the document; the kernel cannot hold it)\n";
  }
  text += "difference " + Count(result.differences, options) + "\n";
  Table table({{"PREFIX"}, {"METRIC", kRight}, {"KERNEL"}, {"FLYOVER"}});
  for (const SyncDifferenceResult& d : result.diff) {
    table.AddRow({d.prefix, std::to_string(d.metric), d.kernel.empty() ? "-" : d.kernel,
                  d.flyover.empty() ? "-" : d.flyover});
  }
  return table.empty() ? text : text + table.Render();
}

std::string Render(const HandshakesResult& result, const RenderOptions& options) {
  const auto time = [](uint32_t us) { return us == 0 ? "-" : HumanDuration(us / 1e6); };
  Table table({{"SERVICE"},
               {"BACKEND"},
               {"ANSWERED", kRight},
               {"UNANSWERED", kRight},
               {"REPEATED-SYNS", kRight},
               {"EARLY-RESETS", kRight},
               {"P50", kRight},
               {"P99", kRight},
               {"ALARM"}});
  for (const HandshakeResult& h : result.backends) {
    table.AddRow({h.service, h.backend, Count(h.answered, options), Count(h.unanswered, options),
                  Count(h.repeated, options), Count(h.reset, options), time(h.answer_p50_us),
                  time(h.answer_p99_us), h.swallows ? "swallows connections" : ""});
  }
  return table.empty() ? "no TCP services\n" : table.Render();
}

std::string Render(const VipsResult& result, const RenderOptions&) {
  if (!result.announces) return "VIPs are not announced (balancer.announce)\n";
  Table table({{"VIP"}, {"STATE"}, {"FOR", kRight}, {"SERVICES"}});
  for (const VipResult& v : result.vips) {
    table.AddRow({v.vip, v.state, HumanDuration(v.since_seconds), Join(v.services)});
  }
  return (result.box_drained ? "the box is drained\n" : "") +
         (table.empty() ? std::string("no VIPs\n") : table.Render());
}

std::string Render(const VrfsResult& result, const RenderOptions& options) {
  Table table({{"VRF"},
               {"NAMESPACE"},
               {"ROUTES", kRight},
               {"FIB-IPV4", kRight},
               {"FIB-IPV6", kRight},
               {"LEAKS", kRight},
               {"LAG", kRight},
               {"PORTS"}});
  for (const VrfResult& v : result.vrfs) {
    table.AddRow({v.name, v.network_namespace.empty() ? "-" : v.network_namespace,
                  Count(v.kernel_routes, options), Count(v.fib4_entries, options),
                  Count(v.fib6_entries, options), Count(v.leaks, options),
                  HumanDuration(v.lag_seconds), Join(v.ports)});
  }
  return table.Render();
}

std::string Render(const NeighborsResult& result, const RenderOptions& options) {
  Table table(
      {{"ADDRESS"}, {"PORT"}, {"VRF"}, {"STATE"}, {"MAC"}, {"PACKETS", kRight}, {"HELD", kRight}});
  for (const NeighborResult& n : result.neighbors) {
    table.AddRow({n.address, n.port, n.vrf, n.state, n.mac, Count(n.packets, options),
                  Count(n.held_packets, options)});
  }
  return table.empty() ? "no neighbours\n" : table.Render();
}

std::string Render(const ServicesResult& result, const RenderOptions& options) {
  Table table({{"SERVICE"},
               {"VIP"},
               {"PROTOCOL"},
               {"PORT", kRight},
               {"FORWARD"},
               {"BACKENDS-UP", kRight},
               {"TABLE"},
               {"PACKETS", kRight},
               {"BYTES", kRight},
               {"NEW-CONNECTIONS", kRight}});
  for (const ServiceResult& s : result.services) {
    table.AddRow({s.name, Join(s.vips), s.protocol, s.ports, s.forward,
                  std::to_string(s.backends_up) + "/" + std::to_string(s.backends),
                  s.table_digest + (s.kept_tables == 0 ? "" : " +" + std::to_string(s.kept_tables)),
                  Count(s.packets, options), Bytes(s.bytes, options),
                  Count(s.connections_new, options)});
  }
  return table.empty() ? "no services\n" : table.Render();
}

std::string Render(const BackendsResult& result, const RenderOptions& options) {
  Table table({{"SERVICE"},
               {"BACKEND"},
               {"ADDRESS"},
               {"STATE"},
               {"SINCE", kRight},
               {"WEIGHT", kRight},
               {"SHARE", kRight},
               {"PACKETS", kRight},
               {"BYTES", kRight},
               {"NEW-CONNECTIONS", kRight},
               {"REASON"}});
  for (const BackendResult& b : result.backends) {
    std::string weight = std::to_string(b.weight);
    if (b.effective_weight != b.weight) weight += " (" + std::to_string(b.effective_weight) + ")";
    table.AddRow({b.service, b.name, b.address,
                  b.state + (b.drained && b.state != "drained" ? ", drained" : ""),
                  HumanDuration(b.since_seconds), weight, HumanPercent(b.table_share_percent),
                  Count(b.packets, options), Bytes(b.bytes, options),
                  Count(b.connections_new, options), b.reason});
  }
  return table.empty() ? "no backends\n" : table.Render();
}

std::string Render(const ConnectionsResult& result, const RenderOptions& options) {
  Table table({{"FLOW"}, {"SERVICE"}, {"BACKEND"}, {"IDLE", kRight}, {"LCORE", kRight}});
  for (const ConnectionResult& c : result.connections) {
    table.AddRow(
        {c.flow, c.service, c.backend, HumanDuration(c.idle_seconds), std::to_string(c.lcore)});
  }
  std::string text = table.empty() ? "" : table.Render();
  text += Count(result.entries, options) + " of " + Count(result.capacity, options) + " entries";
  if (result.connections.size() < result.entries) {
    text += " (" + std::to_string(result.connections.size()) + " shown; --limit 0 shows all)";
  }
  return text + "; created " + Count(result.created, options) + ", expired " +
         Count(result.expired, options) + ", evicted " + Count(result.evicted, options) + "\n";
}

}  // namespace flyover
