#include "router/control/route_diff.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "router/rib/rib.h"

namespace flyover::router {
namespace {

RibRoute RouteOf(const RouteView& view) {
  RibRoute route;
  route.prefix = view.prefix;
  route.metric = view.metric;
  route.protocol = view.protocol;
  route.action = view.action;
  route.mtu = view.mtu;
  for (const NexthopView& nexthop : view.nexthops) {
    route.nexthops.push_back({nexthop.gateway, nexthop.port, nexthop.weight});
  }
  return route;
}

bool HasNexthops(NexthopAction action) {
  return action == NexthopAction::kForward || action == NexthopAction::kGlean;
}

// Next hops are a set: their order says nothing.
std::vector<RibNexthop> Sorted(std::vector<RibNexthop> nexthops) {
  std::sort(nexthops.begin(), nexthops.end(), [](const RibNexthop& a, const RibNexthop& b) {
    return std::tuple(a.gateway, a.port.value(), a.weight) <
           std::tuple(b.gateway, b.port.value(), b.weight);
  });
  return nexthops;
}

bool Same(const RibRoute& a, const RibRoute& b) {
  if (a.action != b.action || a.protocol != b.protocol) return false;
  if (!HasNexthops(a.action)) return true;
  return a.mtu == b.mtu && Sorted(a.nexthops) == Sorted(b.nexthops);
}

}  // namespace

Status RouteCollector::UpsertRoute(const RibRoute& route) {
  routes_.insert_or_assign(Key(route.prefix, route.metric), route);
  return Status::Ok();
}

Status RouteCollector::RemoveRoute(const IpPrefix& prefix, uint32_t metric) {
  routes_.erase(Key(prefix, metric));
  return Status::Ok();
}

std::vector<RouteDifference> DiffRoutes(RouteCollector& kernel, const VrfRib& rib) {
  std::map<RouteCollector::Key, RouteDifference> differences;
  RouteCollector::Routes& routes = kernel.routes();
  rib.ForEachRoute([&](const RouteView& view) {
    const auto found = routes.find(RouteCollector::Key(view.prefix, view.metric));
    if (found == routes.end()) {
      differences[{view.prefix, view.metric}].held = RouteOf(view);
      return;
    }
    RibRoute held = RouteOf(view);
    if (!Same(found->second, held)) {
      differences[found->first] = {std::move(found->second), std::move(held)};
    }
    routes.erase(found);
  });
  for (auto& [key, route] : routes) differences[key].kernel = std::move(route);
  std::vector<RouteDifference> list;
  list.reserve(differences.size());
  for (auto& [key, difference] : differences) list.push_back(std::move(difference));
  return list;
}

}  // namespace flyover::router
