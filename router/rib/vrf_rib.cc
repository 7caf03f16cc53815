#include "router/rib/vrf_rib.h"

#include <string>
#include <utility>

namespace flyover::router {
namespace {

constexpr size_t kMaxNexthops = 1024;  // an eighth of a group's largest bucket count

Status Refuse(const RibRoute& route, const std::string& why) {
  return Status(StatusCode::kInvalidArgument, route.prefix.ToString() + ": " + why);
}

Status Validate(const RibRoute& route) {
  switch (route.action) {
    case NexthopAction::kLocal:
    case NexthopAction::kBroadcast:
    case NexthopAction::kBlackhole:
    case NexthopAction::kUnreachable:
    case NexthopAction::kProhibit:
      return Status::Ok();
    case NexthopAction::kForward:
      if (route.nexthops.empty() || route.nexthops.size() > kMaxNexthops) {
        return Refuse(route, "must have 1 to " + std::to_string(kMaxNexthops) + " next hops");
      }
      break;
    case NexthopAction::kGlean:
      if (route.nexthops.size() != 1 || route.nexthops[0].gateway) {
        return Refuse(route, "a connected route has one next hop and no gateway");
      }
      break;
    default:
      return Refuse(route, "is not of a type that a route can have");
  }
  for (const RibNexthop& n : route.nexthops) {
    if (n.port.value() >= kMaxPorts) return Refuse(route, "unknown port");
    if (n.weight == 0) return Refuse(route, "weight must be at least 1");
    if (route.action == NexthopAction::kGlean) continue;
    if (!n.gateway) return Refuse(route, "every next hop must have a gateway");
    if (route.prefix.family() == IpFamily::kIpv6 && n.gateway->is_v4()) {
      return Refuse(route, "an IPv6 route cannot have the IPv4 gateway " + n.gateway->ToString());
    }
  }
  return Status::Ok();
}

// Own addresses and links are few, and without them a full table would be worse than full.
bool IsBounded(NexthopAction action) {
  return action != NexthopAction::kLocal && action != NexthopAction::kBroadcast &&
         action != NexthopAction::kGlean;
}

size_t FamilyIndex(IpFamily family) { return family == IpFamily::kIpv4 ? 0 : 1; }

}  // namespace

VrfRib::VrfRib(RouteTables& tables, const GroupTable& groups, PathTable& paths,
               const LinkState& links, QsbrDomain& qsbr, const RouteCapacity& capacity)
    : tables_(tables),
      groups_(groups),
      qsbr_(qsbr),
      capacity_(capacity),
      links_(links),
      paths_(paths),
      candidates_(1) {}

RouteFill VrfRib::fill(IpFamily family) const {
  if (family == IpFamily::kIpv4) {
    return {candidate_count_[0], capacity_.ipv4, tables_.fib4.tbl8_groups_used(),
            tables_.fib4.tbl8_groups()};
  }
  return {candidate_count_[1], capacity_.ipv6, tables_.fib6.nodes_used(), tables_.fib6.capacity()};
}

Result<PathId> VrfRib::AcquirePath(const PathSpec& spec, PathId like) {
  Result<PathId> path = paths_.Acquire(spec, like);
  if (path.ok() || qsbr_.pending() == 0) return path;
  qsbr_.Reclaim();
  return paths_.Acquire(spec, like);
}

uint32_t& VrfRib::PrefixCount(const IpPrefix& prefix) {
  return prefixes_by_length_[FamilyIndex(prefix.family())][prefix.length()];
}

uint32_t VrfRib::NewCandidate(const Candidate& candidate) {
  if (free_candidates_.empty()) {
    free_candidates_.push_back(static_cast<uint32_t>(candidates_.size()));
    candidates_.emplace_back();
  }
  const uint32_t index = free_candidates_.back();
  free_candidates_.pop_back();
  candidates_[index] = candidate;
  return index;
}

uint32_t* VrfRib::FindLink(Node& node, uint32_t metric) {
  uint32_t* link = &node.first;
  while (*link != kNone && candidates_[*link].metric < metric) link = &candidates_[*link].next;
  return link;
}

PathId VrfRib::BestUsable(const Node& node) const {
  for (uint32_t i = node.first; i != kNone; i = candidates_[i].next) {
    if (paths_.usable(candidates_[i].path)) return candidates_[i].path;
  }
  return kNoPath;
}

Status VrfRib::UpsertRoute(const RibRoute& route) {
  if (Status status = Validate(route); !status.ok()) return status;
  const size_t family = FamilyIndex(route.prefix.family());
  Node* const before = nodes_.Find(route.prefix);
  if (IsBounded(route.action)) {
    const uint64_t limit = family == 0 ? capacity_.ipv4 : capacity_.ipv6;
    const uint32_t* const held = before == nullptr ? nullptr : FindLink(*before, route.metric);
    const bool known =
        held != nullptr && *held != kNone && candidates_[*held].metric == route.metric;
    if (!known && candidate_count_[family] >= limit) {
      return Status(StatusCode::kResourceExhausted,
                    "there is room for " + std::to_string(limit) + " routes of its family");
    }
  }
  const Result<PathId> path =
      AcquirePath(PathSpec::Of(route), before == nullptr ? kNoPath : before->best);
  if (!path.ok()) return path.status();

  uint32_t spare = NewCandidate({route.metric, *path, kNone, route.protocol});
  Node& node = nodes_[route.prefix];
  uint32_t* const link = FindLink(node, route.metric);
  if (*link != kNone && candidates_[*link].metric == route.metric) {
    candidates_[spare].next = candidates_[*link].next;
    std::swap(*link, spare);
  } else {
    if (node.first == kNone) ++PrefixCount(route.prefix);
    candidates_[spare].next = std::exchange(*link, spare);
    spare = kNone;
    ++candidate_count_[family];
  }
  // `spare` is what has been replaced, if anything.
  Status status = Reconcile(route.prefix);
  if (!status.ok()) {
    Node& unchanged = *nodes_.Find(route.prefix);
    uint32_t* const place = FindLink(unchanged, route.metric);
    if (spare != kNone) {
      std::swap(*place, spare);
    } else {
      spare = std::exchange(*place, candidates_[*place].next);
      --candidate_count_[family];
      if (unchanged.first == kNone) --PrefixCount(route.prefix);
      DropIfEmpty(route.prefix);
    }
  }
  if (spare != kNone) {
    paths_.Release(candidates_[spare].path);
    free_candidates_.push_back(spare);
  }
  return status;
}

Status VrfRib::RemoveRoute(const IpPrefix& prefix, uint32_t metric) {
  Node* const node = nodes_.Find(prefix);
  uint32_t* const link = node == nullptr ? nullptr : FindLink(*node, metric);
  if (link == nullptr || *link == kNone || candidates_[*link].metric != metric) {
    return Status(StatusCode::kNotFound,
                  "no route to " + prefix.ToString() + " with metric " + std::to_string(metric));
  }
  const uint32_t removed = std::exchange(*link, candidates_[*link].next);
  uint32_t& prefixes = PrefixCount(prefix);
  const bool last = node->first == kNone;
  if (last) --prefixes;
  if (Status status = Reconcile(prefix); !status.ok()) {
    uint32_t* const place = FindLink(*nodes_.Find(prefix), metric);
    candidates_[removed].next = std::exchange(*place, removed);
    if (last) ++prefixes;
    return status;
  }
  --candidate_count_[FamilyIndex(prefix.family())];
  paths_.Release(candidates_[removed].path);
  free_candidates_.push_back(removed);
  return Status::Ok();
}

Status VrfRib::Reconcile(const IpPrefix& prefix) {
  Node* const node = nodes_.Find(prefix);
  const PathId best = BestUsable(*node);
  const PathId before = std::exchange(node->best, best);
  if (Status status = Install(prefix, *node, node->Wanted(node->host)); !status.ok()) {
    node->best = before;
    return status;
  }
  ReconcileFeasible(prefix, *node);
  if (before != best) ReconcileNeighbors(prefix);
  DropIfEmpty(prefix);
  return Status::Ok();
}

Status VrfRib::Install(const IpPrefix& prefix, Node& node, PathId wanted) {
  const GroupId group = wanted == kNoPath ? GroupId(0) : paths_.group(wanted);
  if (group.value() == node.installed) return Status::Ok();
  const bool v4 = prefix.family() == IpFamily::kIpv4;
  Status status;
  if (group != GroupId(0)) {
    status = v4 ? tables_.fib4.Add(prefix, group, qsbr_) : tables_.fib6.Add(prefix, group, qsbr_);
  } else {
    status = v4 ? tables_.fib4.Remove(prefix, qsbr_) : tables_.fib6.Remove(prefix, qsbr_);
  }
  if (status.ok()) node.installed = group.value();
  return status;
}

void VrfRib::ReconcileFeasible(const IpPrefix& prefix, const Node& node) {
  // Nearly every prefix has one route.
  const bool alone = node.first == kNone || candidates_[node.first].next == kNone;
  if (alone && (feasible_.empty() || !feasible_.contains(prefix))) return;
  RibRoute all;
  all.prefix = prefix;
  unsigned routes = 0;
  for (uint32_t i = node.first; i != kNone; i = candidates_[i].next) {
    const PathSpec& spec = paths_.spec(candidates_[i].path);
    const bool forwards =
        spec.action == NexthopAction::kForward || spec.action == NexthopAction::kGlean;
    if (!forwards || !paths_.usable(candidates_[i].path)) continue;
    ++routes;
    for (RibNexthop hop : spec.nexthops) {
      // What is on-link has no gateway; as a way back only its port counts.
      if (!hop.gateway) hop.gateway = prefix.address();
      all.nexthops.push_back(hop);
    }
  }
  const auto before = feasible_.find(prefix);
  if (routes < 2 && before == feasible_.end()) return;
  const bool v4 = prefix.family() == IpFamily::kIpv4;
  PathId wanted = kNoPath;
  if (routes >= 2) {
    const Result<PathId> path = AcquirePath(PathSpec::Of(all), kNoPath);
    if (!path.ok()) {
      ++refused_changes_;
      return;
    }
    wanted = *path;
    const GroupId group = paths_.group(wanted);
    const Status added = v4 ? tables_.feasible4.Add(prefix, group, qsbr_)
                            : tables_.feasible6.Add(prefix, group, qsbr_);
    if (!added.ok()) {
      ++refused_changes_;
      paths_.Release(wanted);
      return;
    }
  } else {
    const Status removed =
        v4 ? tables_.feasible4.Remove(prefix, qsbr_) : tables_.feasible6.Remove(prefix, qsbr_);
    if (!removed.ok()) {
      ++refused_changes_;
      return;
    }
  }
  const PathId old = before == feasible_.end() ? kNoPath : before->second;
  if (wanted == kNoPath) {
    feasible_.erase(before);
  } else {
    feasible_[prefix] = wanted;
  }
  if (old != kNoPath) paths_.Release(old);
}

void VrfRib::DropIfEmpty(const IpPrefix& prefix) {
  const Node* const node = nodes_.Find(prefix);
  if (node != nullptr && node->empty()) nodes_.Erase(prefix);
}

const VrfRib::Node* VrfRib::Covering(const IpAddress& address, IpPrefix& prefix) const {
  const auto& prefixes = prefixes_by_length_[FamilyIndex(address.family())];
  for (unsigned length = address.bits() + 1; length-- > 0;) {
    if (prefixes[length] == 0) continue;
    prefix = IpPrefix(address, length);
    const Node* const node = nodes_.Find(prefix);
    if (node != nullptr && node->route() != kNoPath) return node;
  }
  return nullptr;
}

void VrfRib::ReconcileNeighbors(const IpPrefix& prefix) {
  const auto& neighbors = links_.neighbors();
  for (auto it = neighbors.lower_bound({prefix.address(), PortIndex(0)});
       it != neighbors.end() && prefix.Contains(it->first.address); ++it) {
    ReconcileHost(it->first.address);
  }
}

void VrfRib::ReconcileHost(const IpAddress& address) {
  IpPrefix covering;
  const Node* const cover = Covering(address, covering);
  PathSpec spec;
  if (cover != nullptr && paths_.spec(cover->route()).action == NexthopAction::kGlean) {
    const PathSpec& connected = paths_.spec(cover->route());
    const PortIndex port = connected.nexthops[0].port;
    switch (links_.neighbor({address, port}).state) {
      case AdjacencyState::kResolved:
        spec = {.action = NexthopAction::kForward,
                .nexthops = {{address, port, 1}},
                .mtu = connected.mtu};
        break;
      case AdjacencyState::kFailed:
        spec.action = NexthopAction::kHostUnreachable;
        break;
      case AdjacencyState::kUnresolved:
        break;
    }
  }
  PathId wanted = kNoPath;
  if (spec.action != NexthopAction::kNoRoute) {
    const Result<PathId> path = AcquirePath(spec, kNoPath);
    if (path.ok()) {
      wanted = *path;
    } else {
      ++refused_changes_;
    }
  }
  const IpPrefix host = IpPrefix::Host(address);
  if (wanted == kNoPath && nodes_.Find(host) == nullptr) return;
  Node& node = nodes_[host];
  PathId obsolete = wanted;
  if (Install(host, node, node.Wanted(wanted)).ok()) {
    obsolete = std::exchange(node.host, wanted);
  } else {
    ++refused_changes_;
  }
  if (obsolete != kNoPath) paths_.Release(obsolete);
  DropIfEmpty(host);
}

Status VrfRib::SetLeaks(const Leaks& leaks) {
  Status first;
  const auto set = [&](const IpPrefix& prefix, std::optional<VrfIndex> vrf) {
    const Status status = SetLeak(prefix, vrf);
    if (!status.ok()) {
      if (first.ok()) first = status;
    } else if (vrf) {
      leaks_[prefix] = *vrf;
    } else {
      leaks_.erase(prefix);
    }
  };
  const Leaks before = leaks_;
  for (const auto& [prefix, vrf] : before) {
    if (!leaks.contains(prefix)) set(prefix, std::nullopt);
  }
  for (const auto& [prefix, vrf] : leaks) {
    const auto held = before.find(prefix);
    if (held == before.end() || held->second != vrf) set(prefix, vrf);
  }
  return first;
}

Status VrfRib::SetLeak(const IpPrefix& prefix, std::optional<VrfIndex> vrf) {
  PathId wanted = kNoPath;
  if (vrf) {
    PathSpec spec;
    spec.action = NexthopAction::kLeak;
    spec.vrf = *vrf;
    const Result<PathId> path = AcquirePath(spec, kNoPath);
    if (!path.ok()) return path.status();
    wanted = *path;
  }
  Node& node = nodes_[prefix];
  const PathId before = std::exchange(node.leak, wanted);
  if (Status status = Install(prefix, node, node.Wanted(node.host)); !status.ok()) {
    node.leak = before;
    if (wanted != kNoPath) paths_.Release(wanted);
    DropIfEmpty(prefix);
    return status;
  }
  if (before != kNoPath) {
    paths_.Release(before);
    --PrefixCount(prefix);
  }
  if (wanted != kNoPath) ++PrefixCount(prefix);
  ReconcileNeighbors(prefix);
  DropIfEmpty(prefix);
  return Status::Ok();
}

void VrfRib::ReconcileAll() {
  std::vector<IpPrefix> changed;
  nodes_.ForEach([&](const IpPrefix& prefix, const Node& node) {
    if (BestUsable(node) != node.best) changed.push_back(prefix);
  });
  for (const IpPrefix& prefix : changed) {
    if (!Reconcile(prefix).ok()) ++refused_changes_;
  }
}

}  // namespace flyover::router
