#include "tools/flyoverd/daemon/show_router.h"

#include <algorithm>
#include <limits>

#include "router/control/protocol_numbers.h"

namespace flyover {
namespace {

using router::AdjacencyState;
using router::NexthopAction;

// "forward via 192.0.2.1 wan weight 2, 192.0.2.5 lan proto bgp mtu 1400".
std::string Describe(const router::RibRoute& route, const std::vector<std::string>& ports) {
  std::string text = ActionName(route.action);
  const char* separator = " ";
  for (const router::RibNexthop& nexthop : route.nexthops) {
    text += separator;
    if (nexthop.gateway) text += nexthop.gateway->ToString() + " ";
    text += PortName(ports, nexthop.port);
    if (nexthop.weight != 1) text += " weight " + std::to_string(nexthop.weight);
    separator = ", ";
  }
  text += " proto " + ProtocolName(route.protocol);
  if (route.mtu != 0) text += " mtu " + std::to_string(route.mtu);
  return text;
}

RouteResult ToResult(const router::RouteView& view, const RouterNames& names) {
  RouteResult result;
  result.prefix = view.prefix.ToString();
  result.metric = view.metric;
  result.protocol = ProtocolName(view.protocol);
  result.action = ActionName(view.action);
  if (view.action == NexthopAction::kLeak) result.leak = names.vrfs[view.vrf.value()];
  result.mtu = view.mtu;
  result.active = view.best;
  result.packets = view.packets;
  for (const router::NexthopView& nexthop : view.nexthops) {
    NexthopResult n;
    n.port = PortName(names.ports, nexthop.port);
    n.weight = nexthop.weight;
    if (nexthop.gateway) {
      n.gateway = nexthop.gateway->ToString();
      n.state = nexthop.port_up ? StateName(nexthop.state) : "port_down";
      if (nexthop.state == AdjacencyState::kResolved) n.mac = nexthop.mac.ToString();
    }
    result.nexthops.push_back(std::move(n));
  }
  return result;
}

NeighborResult ToResult(const router::NeighborView& view, const RouterNames& names) {
  NeighborResult result;
  result.port = PortName(names.ports, view.port);
  result.vrf = names.vrfs[names.vrf_of_port[view.port.value()].value()];
  result.address = view.address.ToString();
  result.state = StateName(view.state);
  result.packets = view.packets;
  if (view.state == AdjacencyState::kResolved) result.mac = view.mac.ToString();
  return result;
}

std::string Verdict(const router::RouteExplanation& explanation, const RouterNames& names) {
  const std::vector<std::string>& ports = names.ports;
  switch (explanation.action) {
    case NexthopAction::kForward: {
      if (explanation.neighbor) {
        return "forwarded to the neighbour itself, " + explanation.neighbor->mac.ToString() +
               " on port " + PortName(ports, explanation.neighbor->port);
      }
      std::string hops;
      for (const router::NexthopView& nexthop : explanation.route->nexthops) {
        if (!nexthop.port_up || !nexthop.gateway) continue;
        hops += (hops.empty() ? "" : " or ") + nexthop.gateway->ToString() + " on port " +
                PortName(ports, nexthop.port);
        if (nexthop.state != AdjacencyState::kResolved)
          hops += " (" + StateName(nexthop.state) + ")";
      }
      return "forwarded to " + hops;
    }
    case NexthopAction::kGlean:
      return "on-link; held until the kernel has resolved the neighbour";
    case NexthopAction::kLocal:
      return "an address of this box: goes to the kernel";
    case NexthopAction::kBroadcast:
      return "dropped: broadcast address of a connected subnet";
    case NexthopAction::kBlackhole:
      return "dropped silently: blackhole route";
    case NexthopAction::kUnreachable:
      return "refused: ICMP host unreachable";
    case NexthopAction::kProhibit:
      return "refused: ICMP administratively prohibited";
    case NexthopAction::kHostUnreachable:
      return "refused: the neighbour does not answer; ICMP host unreachable";
    case NexthopAction::kLeak:
      return "looked up again in VRF " + names.vrfs[explanation.route->vrf.value()];
    case NexthopAction::kNoRoute:
      break;
  }
  return "refused: no route; ICMP network unreachable";
}

router::RouteView ViewOf(const std::pair<const IpPrefix, VrfIndex>& leak) {
  return {.prefix = leak.first,
          .protocol = router::kStaticProtocol,
          .action = NexthopAction::kLeak,
          .usable = true,
          .best = true,
          .vrf = leak.second};
}

// The answer without routes.
RoutesResult RoomOf(const KernelVrf& vrf, const router::RouteTables& tables) {
  RoutesResult result;
  result.vrf = vrf.name();
  result.fib4_entries = tables.fib4.size();
  result.fib6_entries = tables.fib6.size();
  result.fib_memory_bytes = tables.memory_bytes();
  for (const IpFamily family : {IpFamily::kIpv4, IpFamily::kIpv6}) {
    const router::RouteRoom room = vrf.sync().room(family);
    result.room.push_back({.family = family == IpFamily::kIpv4 ? "ipv4" : "ipv6",
                           .state = std::string(FillStateName(room.state)),
                           .routes = room.fill.routes,
                           .route_limit = room.fill.route_limit,
                           .blocks = room.fill.blocks,
                           .block_limit = room.fill.block_limit,
                           .refused = room.refused});
  }
  return result;
}

}  // namespace

RoutesResult ShowRefusedRoutes(const KernelVrf& vrf, const router::VrfRib& rib,
                               const RouterNames& names, size_t limit) {
  RoutesResult result = RoomOf(vrf, rib.tables());
  for (const RouteRoomResult& room : result.room) result.total += room.refused;
  const size_t shown = limit == 0 ? std::numeric_limits<size_t>::max() : limit;
  for (const router::RibRoute& route : vrf.sync().RefusedRoutes(shown)) {
    router::RouteView view;
    view.prefix = route.prefix;
    view.metric = route.metric;
    view.protocol = route.protocol;
    view.action = route.action;
    view.mtu = route.mtu;
    for (const router::RibNexthop& hop : route.nexthops) {
      router::NexthopView nexthop;
      nexthop.gateway = hop.gateway;
      nexthop.port = hop.port;
      nexthop.weight = hop.weight;
      nexthop.port_up = true;
      view.nexthops.push_back(nexthop);
    }
    result.routes.push_back(ToResult(view, names));
  }
  return result;
}

RoutesResult ShowRoutes(const KernelVrf& vrf, const router::VrfRib& rib, const RouterNames& names,
                        size_t limit) {
  RoutesResult result = RoomOf(vrf, rib.tables());
  result.total = rib.route_count() + rib.leaks().size();
  std::vector<router::RouteView> views;
  rib.ForEachRoute([&](const router::RouteView& view) {
    if (limit == 0 || views.size() < limit) views.push_back(view);
  });
  std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) {
    return std::pair(a.prefix, a.metric) < std::pair(b.prefix, b.metric);
  });
  for (const auto& leak : rib.leaks()) {
    if (limit == 0 || views.size() < limit) views.push_back(ViewOf(leak));
  }
  for (const router::RouteView& view : views) result.routes.push_back(ToResult(view, names));
  return result;
}

RouteExplainResult ShowRoute(const KernelVrf& vrf, const router::VrfRib& rib,
                             const RouterNames& names, const IpAddress& address) {
  const router::RouteExplanation explanation = rib.LookupRoute(address);
  RouteExplainResult result;
  result.address = address.ToString();
  result.vrf = vrf.name();
  result.found = explanation.route.has_value();
  if (explanation.route) result.route = ToResult(*explanation.route, names);
  result.verdict = Verdict(explanation, names);
  return result;
}

SyncResult ShowSync(const KernelVrf& vrf, std::chrono::steady_clock::time_point now,
                    const router::VrfRib& rib, const RouterNames& names,
                    const std::vector<router::RouteDifference>* diff) {
  constexpr size_t kShown = 1000;
  const router::KernelSync& sync = vrf.sync();
  const router::KernelSyncCounters counters = sync.counters(now);
  SyncResult result;
  result.vrf = vrf.name();
  result.kernel_routes = rib.route_count();
  result.fib4_entries = rib.tables().fib4.size();
  result.fib6_entries = rib.tables().fib6.size();
  result.routes_refused = counters.routes.refused + rib.refused_changes();
  result.routes_waiting = sync.room(IpFamily::kIpv4).refused + sync.room(IpFamily::kIpv6).refused;
  result.routes_foreign = counters.routes.foreign;
  result.messages = counters.messages;
  result.malformed = counters.malformed;
  result.queue_bytes = counters.queue_bytes;
  result.lag_seconds = static_cast<double>(counters.behind_us) * 1e-6;
  result.losses = counters.losses;
  result.resyncs = counters.dumps;
  result.resyncs_failed = counters.failed_dumps;
  result.resync_due = counters.dump_due;
  result.resync_seconds = static_cast<double>(counters.last_dump_us) * 1e-6;
  result.resync_age_seconds = static_cast<double>(counters.last_dump_age_us) * 1e-6;
  if (diff == nullptr) return result;
  result.compared = true;
  for (const auto& [prefix, into] : rib.leaks()) {
    if (result.leaks.size() == kShown) break;
    result.leaks.push_back({prefix.ToString(), 0, "", "leak into " + names.vrfs[into.value()]});
  }
  result.differences = diff->size();
  for (const router::RouteDifference& d : *diff) {
    if (result.diff.size() == kShown) break;
    const router::RibRoute& either = d.kernel ? *d.kernel : *d.held;
    result.diff.push_back({either.prefix.ToString(), either.metric,
                           d.kernel ? Describe(*d.kernel, names.ports) : "",
                           d.held ? Describe(*d.held, names.ports) : ""});
  }
  return result;
}

VrfsResult ShowVrfs(const KernelSide& kernel, std::chrono::steady_clock::time_point now,
                    const router::Rib& rib, const RouterNames& names) {
  VrfsResult result;
  for (const auto& vrf : kernel.vrfs()) {
    const router::VrfRib& routes = rib.vrf(vrf->index());
    VrfResult& out = result.vrfs.emplace_back();
    out.name = vrf->name();
    out.network_namespace = vrf->network_namespace();
    for (size_t p = 0; p < names.ports.size(); ++p) {
      if (names.vrf_of_port[p] == vrf->index()) out.ports.push_back(names.ports[p]);
    }
    out.kernel_routes = routes.route_count();
    out.fib4_entries = routes.tables().fib4.size();
    out.fib6_entries = routes.tables().fib6.size();
    out.leaks = routes.leaks().size();
    out.lag_seconds = static_cast<double>(vrf->sync().counters(now).behind_us) * 1e-6;
  }
  return result;
}

NeighborsResult ShowNeighbors(const router::Rib& rib, const RouterNames& names) {
  NeighborsResult result;
  rib.ForEachNeighbor(
      [&](const router::NeighborView& view) { result.neighbors.push_back(ToResult(view, names)); });
  return result;
}

}  // namespace flyover
