#include "tools/flyoverd/daemon/show_router.h"

#include <algorithm>
#include <limits>

#include "tools/flyoverd/daemon/router_names.h"

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

RouteResult ToResult(const router::RouteView& view, const std::vector<std::string>& ports) {
  RouteResult result;
  result.prefix = view.prefix.ToString();
  result.metric = view.metric;
  result.protocol = ProtocolName(view.protocol);
  result.action = ActionName(view.action);
  result.mtu = view.mtu;
  result.active = view.best;
  for (const router::NexthopView& nexthop : view.nexthops) {
    NexthopResult n;
    n.port = PortName(ports, nexthop.port);
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

NeighborResult ToResult(const router::NeighborView& view, const std::vector<std::string>& ports) {
  NeighborResult result;
  result.port = PortName(ports, view.port);
  result.address = view.address.ToString();
  result.state = StateName(view.state);
  result.packets = view.packets;
  if (view.state == AdjacencyState::kResolved) result.mac = view.mac.ToString();
  return result;
}

std::string Verdict(const router::RouteExplanation& explanation,
                    const std::vector<std::string>& ports) {
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
    case NexthopAction::kNoRoute:
      break;
  }
  return "refused: no route; ICMP network unreachable";
}

// The answer without routes.
RoutesResult RoomOf(const router::KernelSync& sync, const router::ForwardingTables& tables) {
  RoutesResult result;
  result.fib4_entries = tables.fib4.size();
  result.fib6_entries = tables.fib6.size();
  result.fib_memory_bytes = tables.fib4.memory_bytes() + tables.fib6.memory_bytes();
  for (const IpFamily family : {IpFamily::kIpv4, IpFamily::kIpv6}) {
    const router::RouteRoom room = sync.room(family);
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

RoutesResult ShowRefusedRoutes(const router::KernelSync& sync,
                               const router::ForwardingTables& tables,
                               const std::vector<std::string>& ports, size_t limit) {
  RoutesResult result = RoomOf(sync, tables);
  for (const RouteRoomResult& room : result.room) result.total += room.refused;
  const size_t shown = limit == 0 ? std::numeric_limits<size_t>::max() : limit;
  for (const router::RibRoute& route : sync.RefusedRoutes(shown)) {
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
    result.routes.push_back(ToResult(view, ports));
  }
  return result;
}

RoutesResult ShowRoutes(const router::KernelSync& sync, const router::Rib& rib,
                        const router::ForwardingTables& tables,
                        const std::vector<std::string>& ports, size_t limit) {
  RoutesResult result = RoomOf(sync, tables);
  result.total = rib.route_count();
  std::vector<router::RouteView> views;
  rib.ForEachRoute([&](const router::RouteView& view) {
    if (limit == 0 || views.size() < limit) views.push_back(view);
  });
  std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) {
    return std::pair(a.prefix, a.metric) < std::pair(b.prefix, b.metric);
  });
  for (const router::RouteView& view : views) result.routes.push_back(ToResult(view, ports));
  return result;
}

RouteExplainResult ShowRoute(const router::Rib& rib, const std::vector<std::string>& ports,
                             const IpAddress& address) {
  const router::RouteExplanation explanation = rib.LookupRoute(address);
  RouteExplainResult result;
  result.address = address.ToString();
  result.found = explanation.route.has_value();
  if (explanation.route) result.route = ToResult(*explanation.route, ports);
  result.verdict = Verdict(explanation, ports);
  return result;
}

SyncResult ShowSync(const router::KernelSync& sync, std::chrono::steady_clock::time_point now,
                    const router::Rib& rib, const router::ForwardingTables& tables,
                    const std::vector<std::string>& ports,
                    const std::vector<router::RouteDifference>* diff) {
  constexpr size_t kShown = 1000;
  const router::KernelSyncCounters counters = sync.counters(now);
  SyncResult result;
  result.kernel_routes = rib.route_count();
  result.fib4_entries = tables.fib4.size();
  result.fib6_entries = tables.fib6.size();
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
  result.differences = diff->size();
  for (const router::RouteDifference& d : *diff) {
    if (result.diff.size() == kShown) break;
    const router::RibRoute& either = d.kernel ? *d.kernel : *d.held;
    result.diff.push_back({either.prefix.ToString(), either.metric,
                           d.kernel ? Describe(*d.kernel, ports) : "",
                           d.held ? Describe(*d.held, ports) : ""});
  }
  return result;
}

NeighborsResult ShowNeighbors(const router::Rib& rib, const std::vector<std::string>& ports) {
  NeighborsResult result;
  rib.ForEachNeighbor(
      [&](const router::NeighborView& view) { result.neighbors.push_back(ToResult(view, ports)); });
  return result;
}

}  // namespace flyover
