#include "router/control/route_diff.h"

#include <algorithm>

#include "router/rib/vrf_rib.h"

namespace flyover::router {
namespace {

RibRoute RouteOf(const IpPrefix& prefix, uint32_t metric, const VrfRib::HeldRoute& held) {
  RibRoute route;
  route.prefix = prefix;
  route.metric = metric;
  route.protocol = held.protocol;
  route.action = held.path->action;
  route.nexthops = held.path->nexthops;
  route.mtu = held.path->mtu;
  return route;
}

}  // namespace

void RouteComparison::Begin() { seen_.assign(rib_.route_slots(), false); }

void RouteComparison::Prefetch(const IpPrefix& prefix) const { rib_.Prefetch(prefix); }

Status RouteComparison::UpsertRoute(const RibRoute& route) {
  const auto held = rib_.FindRoute(route.prefix, route.metric);
  if (!held) {
    differences_.push_back({.kernel = route, .held = std::nullopt});
    return Status::Ok();
  }
  seen_[held->index] = true;
  // A path's next hops are in an order of their own: theirs in the route says nothing.
  if (held->protocol != route.protocol || !(*held->path == PathSpec::Of(route))) {
    differences_.push_back({.kernel = route, .held = RouteOf(route.prefix, route.metric, *held)});
  }
  return Status::Ok();
}

std::vector<RouteDifference> RouteComparison::Finish() {
  rib_.ForEachHeld([&](const IpPrefix& prefix, uint32_t metric, const VrfRib::HeldRoute& held) {
    if (seen_[held.index]) return;
    differences_.push_back({.kernel = std::nullopt, .held = RouteOf(prefix, metric, held)});
  });
  const auto key = [](const RouteDifference& d) {
    const RibRoute& either = d.kernel ? *d.kernel : *d.held;
    return std::pair(either.prefix, either.metric);
  };
  std::ranges::sort(differences_, {}, key);
  return std::move(differences_);
}

}  // namespace flyover::router
