// What `show` asks of a VRF's routes.
#include "router/rib/vrf_rib.h"

namespace flyover::router {

RouteView VrfRib::ViewOf(const IpPrefix& prefix, const Candidate& candidate, bool best) const {
  const PathSpec& spec = paths_.spec(candidate.path);
  RouteView view;
  view.prefix = prefix;
  view.metric = candidate.metric;
  view.protocol = candidate.protocol;
  view.action = spec.action;
  view.mtu = spec.mtu;
  view.usable = paths_.usable(candidate.path);
  view.best = best;
  if (best) view.packets = paths_.Packets(candidate.path);
  for (const RibNexthop& hop : spec.nexthops) view.nexthops.push_back(links_.ViewOf(hop));
  return view;
}

void VrfRib::ForEachRoute(const std::function<void(const RouteView&)>& visit) const {
  nodes_.ForEach([&](const IpPrefix& prefix, const Node& node) {
    bool better_seen = false;
    for (uint32_t i = node.first; i != kNone; i = candidates_[i].next) {
      const bool usable = paths_.usable(candidates_[i].path);
      visit(ViewOf(prefix, candidates_[i], usable && !better_seen));
      better_seen |= usable;
    }
  });
}

std::optional<VrfRib::HeldRoute> VrfRib::FindRoute(const IpPrefix& prefix, uint32_t metric) const {
  const Node* const node = nodes_.Find(prefix);
  if (node == nullptr) return std::nullopt;
  for (uint32_t i = node->first; i != kNone; i = candidates_[i].next) {
    if (candidates_[i].metric == metric) return Held(i);
  }
  return std::nullopt;
}

std::optional<IpPrefix> VrfRib::CoveringPrefix(const IpAddress& address) const {
  IpPrefix prefix;
  if (Covering(address, prefix) == nullptr) return std::nullopt;
  return prefix;
}

NeighborView VrfRib::ViewOf(const NeighborKey& key) const {
  const Neighbor neighbor = links_.neighbor(key);
  NeighborView view;
  view.port = key.port;
  view.address = key.address;
  view.state = neighbor.state;
  view.mac = neighbor.mac;
  view.packets = paths_.Packets(key);
  const Node* const node = nodes_.Find(IpPrefix::Host(key.address));
  if (node != nullptr && node->host != kNoPath) {
    // The entry is of the neighbour on the connected route's port; another port may know the
    // address too.
    IpPrefix covering;
    const Node* const cover = Covering(key.address, covering);
    view.host_entry = cover != nullptr && paths_.spec(cover->route()).nexthops[0].port == key.port;
  }
  return view;
}

RouteExplanation VrfRib::LookupRoute(const IpAddress& address) const {
  RouteExplanation explanation;
  IpPrefix prefix;
  if (const Node* const node = Covering(address, prefix)) {
    const PathSpec& spec = paths_.spec(node->route());
    if (node->leak != kNoPath) {
      explanation.route = RouteView{.prefix = prefix,
                                    .action = NexthopAction::kLeak,
                                    .usable = true,
                                    .best = true,
                                    .vrf = spec.vrf};
    }
    for (uint32_t i = node->first; i != kNone && !explanation.route; i = candidates_[i].next) {
      if (candidates_[i].path == node->best) {
        explanation.route = ViewOf(prefix, candidates_[i], /*best=*/true);
      }
    }
    const Node* const host = nodes_.Find(IpPrefix::Host(address));
    if (spec.action == NexthopAction::kGlean && host != nullptr && host->host != kNoPath) {
      explanation.neighbor = ViewOf({address, spec.nexthops[0].port});
    }
  }
  // Asked of the table itself: an explanation must not hide that it disagrees.
  explanation.group = tables_.Lookup(address);
  explanation.action = groups_.Load(explanation.group).action();
  return explanation;
}

}  // namespace flyover::router
