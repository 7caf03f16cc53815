#include "router/rib/path_table.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <tuple>
#include <utility>

namespace flyover::router {

PathSpec PathSpec::Of(const RibRoute& route) {
  PathSpec spec{.action = route.action};
  if (route.action != NexthopAction::kForward && route.action != NexthopAction::kGlean) return spec;
  spec.mtu = route.mtu;
  spec.nexthops = route.nexthops;
  std::sort(spec.nexthops.begin(), spec.nexthops.end(),
            [](const RibNexthop& a, const RibNexthop& b) {
              return std::tie(a.gateway, a.port) < std::tie(b.gateway, b.port);
            });
  // The kernel allows one next hop to be listed twice; a group's members are distinct.
  size_t kept = 0;
  for (size_t i = 1; i < spec.nexthops.size(); ++i) {
    RibNexthop& last = spec.nexthops[kept];
    const RibNexthop& next = spec.nexthops[i];
    if (last.gateway == next.gateway && last.port == next.port) {
      last.weight = static_cast<uint16_t>(std::min(last.weight + next.weight, 0xffff));
    } else {
      spec.nexthops[++kept] = next;
    }
  }
  if (!spec.nexthops.empty()) spec.nexthops.resize(kept + 1);
  return spec;
}

size_t PathTable::SpecHash::operator()(const PathSpec& spec) const noexcept {
  size_t hash = (static_cast<size_t>(spec.action) * 131 + spec.mtu) * 131 + spec.vrf.value();
  for (const RibNexthop& n : spec.nexthops) {
    hash = (hash ^ (hash >> 29)) * 0x9e3779b97f4a7c15ULL;
    if (n.gateway) hash ^= std::hash<IpAddress>()(*n.gateway);
    hash += size_t{n.port.value()} << 16 | n.weight;
  }
  return hash;
}

PathTable::PathTable(ForwardingTables& tables, const LinkState& links, QsbrDomain& qsbr)
    : tables_(tables),
      links_(links),
      qsbr_(qsbr),
      paths_(1),
      counters_(std::make_shared<BlockPool>(UseCounters::kPlaces - 1)) {}

uint64_t PathTable::Counted(uint32_t counter) const {
  uint64_t packets = 0;
  if (counter == BlockPool::kNone) return packets;
  for (const UseCounters* const lcore : tables_.use) packets += lcore->Packets(counter);
  return packets;
}

uint64_t PathTable::Counted(GroupId group) const {
  uint64_t packets = 0;
  for (const UseCounters* const lcore : tables_.group_use) packets += lcore->Packets(group.value());
  return packets;
}

uint64_t PathTable::Packets(PathId id) const {
  return Counted(paths_[id].group) - paths_[id].counted;
}

uint64_t PathTable::Packets(const NeighborKey& key) const {
  uint64_t packets = 0;
  for (auto it = adjacencies_.lower_bound({key, 0}); it != adjacencies_.end(); ++it) {
    if (it->first.neighbor != key) break;
    packets += Counted(it->second.counter) - it->second.counted;
  }
  return packets;
}

bool PathTable::IsUsable(const PathSpec& spec) const {
  return spec.nexthops.empty() ||
         std::any_of(spec.nexthops.begin(), spec.nexthops.end(),
                     [this](const RibNexthop& n) { return links_.port(n.port).up; });
}

GroupSpec PathTable::GroupSpecOf(const Path& path) const {
  if (!path.usable) return {};
  GroupSpec group{.action = path.spec->action, .vrf = path.spec->vrf};
  if (IsByTunnel(*path.spec)) group.action = NexthopAction::kForward;
  if (group.action == NexthopAction::kGlean) group.port = path.spec->nexthops[0].port;
  for (size_t i = 0; i < path.adjacencies.size(); ++i) {
    const RibNexthop& n = path.spec->nexthops[i];
    if (!links_.port(n.port).up) continue;
    const AdjacencyRecord& adjacency = path.adjacencies[i]->second;
    group.members.push_back({adjacency.key, adjacency.id, n.weight});
  }
  return group;
}

Adjacency PathTable::Describe(const AdjacencyKey& key, uint32_t counter) const {
  const RibPort& port = links_.port(key.neighbor.port);
  const Neighbor neighbor = links_.neighbor(key.neighbor);
  Adjacency adjacency;
  if (neighbor.state == AdjacencyState::kResolved) {
    std::copy(neighbor.mac.bytes.begin(), neighbor.mac.bytes.end(), adjacency.dst_src_mac.begin());
  }
  std::copy(port.mac.bytes.begin(), port.mac.bytes.end(), adjacency.dst_src_mac.begin() + 6);
  adjacency.state = neighbor.state;
  adjacency.port = key.neighbor.port;
  adjacency.mtu = key.mtu == 0 ? port.mtu : std::min(key.mtu, port.mtu);
  adjacency.nexthop = key.neighbor.address;
  adjacency.counter = counter;
  return adjacency;
}

Result<PathTable::AdjacencyMap::iterator> PathTable::AcquireAdjacency(const AdjacencyKey& key,
                                                                      PathId user) {
  auto it = adjacencies_.find(key);
  if (it == adjacencies_.end()) {
    // The other half is for new versions of existing adjacencies: a neighbour's change cannot be
    // refused.
    if (adjacencies_.size() >= tables_.adjacencies.capacity() / 2) {
      return Status(StatusCode::kResourceExhausted,
                    "too many next hops (" + std::to_string(adjacencies_.size()) + ")");
    }
    // kNone: there are more than places; such a neighbour is not counted.
    const uint32_t counter = counters_->Allocate(1);
    Result<AdjacencyId> id = tables_.adjacencies.Create(Describe(key, counter));
    if (!id.ok()) {
      if (counter != BlockPool::kNone) counters_->Free({counter, 1});
      return id.status();
    }
    it = adjacencies_.emplace(key, AdjacencyRecord{next_key_++, counter, Counted(counter), *id, {}})
             .first;
  }
  it->second.paths.push_back(user);
  return it;
}

void PathTable::ReleaseAdjacency(AdjacencyMap::iterator adjacency, PathId user) {
  std::vector<PathId>& paths = adjacency->second.paths;
  const auto it = std::find(paths.begin(), paths.end(), user);
  *it = paths.back();
  paths.pop_back();
  if (!paths.empty()) return;
  tables_.adjacencies.Retire(adjacency->second.id, qsbr_);
  if (adjacency->second.counter != BlockPool::kNone) {
    BlockPool::Retire(counters_, {{adjacency->second.counter, 1}}, qsbr_);
  }
  adjacencies_.erase(adjacency);
}

Result<PathId> PathTable::Acquire(const PathSpec& spec, PathId like) {
  const auto known = by_spec_.find(spec);
  if (known != by_spec_.end()) {
    ++paths_[known->second].references;
    return known->second;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<PathId>(paths_.size()));
    paths_.emplace_back();
  }
  const PathId id = free_.back();
  const auto entry = by_spec_.emplace(spec, id).first;
  Path& path = paths_[id];
  path.spec = &entry->first;
  path.usable = IsUsable(spec);

  Status status;
  if (spec.action == NexthopAction::kForward || IsByTunnel(spec)) {
    for (const RibNexthop& n : spec.nexthops) {
      auto adjacency = AcquireAdjacency({{n.gateway.value_or(IpAddress()), n.port}, spec.mtu}, id);
      if (!adjacency.ok()) {
        status = adjacency.status();
        break;
      }
      path.adjacencies.push_back(*adjacency);
    }
  }
  if (status.ok()) {
    const Result<GroupId> group =
        like == kNoPath ? tables_.groups.Create(GroupSpecOf(path))
                        : tables_.groups.Create(GroupSpecOf(path), paths_[like].group);
    if (group.ok()) {
      path.group = *group;
      path.counted = Counted(*group);
      path.references = 1;
      free_.pop_back();
      return id;
    }
    status = group.status();
  }
  for (const auto adjacency : path.adjacencies) ReleaseAdjacency(adjacency, id);
  path = Path{};
  by_spec_.erase(entry);
  return status;
}

void PathTable::Release(PathId id) {
  Path& path = paths_[id];
  if (--path.references != 0) return;
  tables_.groups.Destroy(path.group, qsbr_);
  for (const auto adjacency : path.adjacencies) ReleaseAdjacency(adjacency, id);
  by_spec_.erase(by_spec_.find(*path.spec));
  path = Path{};
  free_.push_back(id);
}

AdjacencyId PathTable::Renew(const AdjacencyKey& key, AdjacencyRecord& record) {
  Result<AdjacencyId> id = tables_.adjacencies.Create(Describe(key, record.counter));
  if (!id.ok()) {
    qsbr_.Reclaim();
    id = tables_.adjacencies.Create(Describe(key, record.counter));
  }
  // Half of the slots are free but for stalled lcores; then the old state stays until the next
  // change.
  if (!id.ok()) return AdjacencyId(0);
  return std::exchange(record.id, *id);
}

void PathTable::Publish(const std::vector<PathId>& paths, const std::vector<AdjacencyId>& old) {
  for (const PathId id : paths) {
    tables_.groups.Update(paths_[id].group, GroupSpecOf(paths_[id]), qsbr_);
  }
  for (const AdjacencyId id : old) {
    if (id != AdjacencyId(0)) tables_.adjacencies.Retire(id, qsbr_);
  }
}

void PathTable::NeighborChanged(const NeighborKey& key) {
  // One adjacency for each MTU of the routes through it.
  for (auto it = adjacencies_.lower_bound({key, 0}); it != adjacencies_.end(); ++it) {
    if (it->first.neighbor != key) break;
    const AdjacencyId old = Renew(it->first, it->second);
    Publish(it->second.paths, {old});
  }
}

bool PathTable::PortChanged(PortIndex port) {
  std::vector<AdjacencyId> old;
  for (auto& [key, record] : adjacencies_) {
    if (key.neighbor.port == port) old.push_back(Renew(key, record));
  }
  std::vector<PathId> touched;
  bool usable_changed = false;
  for (PathId id = 1; id < paths_.size(); ++id) {
    Path& path = paths_[id];
    if (path.spec == nullptr) continue;
    const std::vector<RibNexthop>& nexthops = path.spec->nexthops;
    if (std::none_of(nexthops.begin(), nexthops.end(),
                     [port](const RibNexthop& n) { return n.port == port; })) {
      continue;
    }
    const bool usable = IsUsable(*path.spec);
    usable_changed |= usable != path.usable;
    path.usable = usable;
    touched.push_back(id);
  }
  Publish(touched, old);
  return usable_changed;
}

}  // namespace flyover::router
