// What `show` asks of the RIB.
#include "router/rib/rib.h"

namespace flyover::router {

NexthopView Rib::ViewOf(const RibNexthop& hop) const {
  NexthopView view;
  view.gateway = hop.gateway;
  view.port = hop.port;
  view.weight = hop.weight;
  view.port_up = links_.port(hop.port).up;
  if (hop.gateway) {
    const Neighbor neighbor = links_.neighbor({*hop.gateway, hop.port});
    view.state = neighbor.state;
    view.mac = neighbor.mac;
  }
  return view;
}

RouteView Rib::ViewOf(const IpPrefix& prefix, const Candidate& candidate, bool best) const {
  const PathSpec& spec = paths_.spec(candidate.path);
  RouteView view;
  view.prefix = prefix;
  view.metric = candidate.metric;
  view.protocol = candidate.protocol;
  view.action = spec.action;
  view.mtu = spec.mtu;
  view.usable = paths_.usable(candidate.path);
  view.best = best;
  for (const RibNexthop& hop : spec.nexthops) view.nexthops.push_back(ViewOf(hop));
  return view;
}

NeighborView Rib::ViewOf(const NeighborKey& key, const Neighbor& neighbor) const {
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
    view.host_entry = cover != nullptr && paths_.spec(cover->best).nexthops[0].port == key.port;
  }
  return view;
}

void Rib::ForEachRoute(const std::function<void(const RouteView&)>& visit) const {
  nodes_.ForEach([&](const IpPrefix& prefix, const Node& node) {
    bool better_seen = false;
    for (uint32_t i = node.first; i != kNone; i = candidates_[i].next) {
      const bool usable = paths_.usable(candidates_[i].path);
      visit(ViewOf(prefix, candidates_[i], usable && !better_seen));
      better_seen |= usable;
    }
  });
}

void Rib::ForEachNeighbor(const std::function<void(const NeighborView&)>& visit) const {
  for (const auto& [key, neighbor] : links_.neighbors()) visit(ViewOf(key, neighbor));
}

void Rib::ForEachEcmp(const std::function<void(const EcmpView&)>& visit) const {
  paths_.ForEachShared([&](const PathSpec& spec, GroupId group, uint32_t references,
                           const std::vector<uint32_t>& keys) {
    const GroupTable::View buckets = tables_.groups.ViewOf(group);
    EcmpView view{group, references, {}, buckets.last_change};
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto own = buckets.buckets.find(keys[i]);
      view.members.push_back(
          {ViewOf(spec.nexthops[i]), own == buckets.buckets.end() ? 0 : own->second});
    }
    visit(view);
  });
}

std::optional<IpPrefix> Rib::CoveringPrefix(const IpAddress& address) const {
  IpPrefix prefix;
  if (Covering(address, prefix) == nullptr) return std::nullopt;
  return prefix;
}

RouteExplanation Rib::LookupRoute(const IpAddress& address) const {
  RouteExplanation explanation;
  IpPrefix prefix;
  if (const Node* const node = Covering(address, prefix)) {
    for (uint32_t i = node->first; i != kNone; i = candidates_[i].next) {
      if (candidates_[i].path != node->best) continue;
      explanation.route = ViewOf(prefix, candidates_[i], /*best=*/true);
      break;
    }
    const PathSpec& spec = paths_.spec(node->best);
    const Node* const host = nodes_.Find(IpPrefix::Host(address));
    if (spec.action == NexthopAction::kGlean && host != nullptr && host->host != kNoPath) {
      const NeighborKey key{address, spec.nexthops[0].port};
      explanation.neighbor = ViewOf(key, links_.neighbor(key));
    }
  }
  // Asked of the table itself: an explanation must not hide that it disagrees.
  if (address.is_v4()) {
    const uint32_t dst = address.v4().value;
    tables_.fib4.Lookup(&dst, &explanation.group, 1);
  } else {
    const std::array<uint8_t, 16>* const dst = &address.bytes();
    tables_.fib6.Lookup(&dst, &explanation.group, 1);
  }
  explanation.action = tables_.groups.Load(explanation.group).action();
  return explanation;
}

}  // namespace flyover::router
