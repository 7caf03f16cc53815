#include "router/rib/rib.h"

#include <utility>

namespace flyover::router {

Rib::Rib(ForwardingTables& tables, QsbrDomain& qsbr, const std::vector<RouteCapacity>& capacities)
    : tables_(tables), paths_(tables, links_, qsbr) {
  for (size_t v = 0; v < tables.vrfs.size(); ++v) {
    const RouteCapacity capacity = v < capacities.size() ? capacities[v] : RouteCapacity();
    vrfs_.push_back(
        std::make_unique<VrfRib>(*tables.vrfs[v], tables.groups, paths_, links_, qsbr, capacity));
  }
}

void Rib::SetPort(PortIndex port, const RibPort& state) {
  if (!links_.SetPort(port, state)) return;
  if (paths_.PortChanged(port)) {
    for (const auto& vrf : vrfs_) vrf->ReconcileAll();
  }
  Bump();
}

void Rib::ChangeNeighbor(const NeighborKey& key, const std::optional<Neighbor>& state) {
  if (!links_.SetNeighbor(key, state)) return;
  paths_.NeighborChanged(key);
  vrf(links_.port(key.port).vrf).ReconcileHost(key.address);
  Bump();
}

void Rib::SetNeighbor(PortIndex port, const IpAddress& address, const MacAddress& mac) {
  ChangeNeighbor({address, port}, Neighbor{AdjacencyState::kResolved, mac});
}

void Rib::SetNeighborFailed(PortIndex port, const IpAddress& address) {
  ChangeNeighbor({address, port}, Neighbor{AdjacencyState::kFailed, {}});
}

void Rib::RemoveNeighbor(PortIndex port, const IpAddress& address) {
  ChangeNeighbor({address, port}, std::nullopt);
}

void Rib::Bump() { tables_.neighbor_generation.fetch_add(1, std::memory_order_release); }

uint64_t Rib::refused_changes() const {
  uint64_t refused = 0;
  for (const auto& vrf : vrfs_) refused += vrf->refused_changes();
  return refused;
}

}  // namespace flyover::router
