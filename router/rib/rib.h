// The RIB: everything the kernel says of routes, neighbours and ports, and what of it the lcores
// shall look up. Routes are a VRF's (router/rib/vrf_rib.h); ports, neighbours and the next-hop
// groups that routes share are everybody's.
//
// Rules
//  1. A gateway's adjacency follows the neighbour of that address on that port: unknown is
//     kUnresolved.
//  2. Next hops whose port is down leave their groups at once and come back with the port.
//  3. Equal next hops are one group, whatever the number of routes.
//
// Threads: control thread only. The only writer of ForwardingTables; lcores read those.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/rcu/qsbr_domain.h"
#include "router/fib/forwarding_tables.h"
#include "router/rib/link_state.h"
#include "router/rib/path_table.h"
#include "router/rib/rib_types.h"
#include "router/rib/vrf_rib.h"

namespace flyover::router {

class Rib {
 public:
  // Both must outlive the RIB. Lcores may go on reading the tables after it is gone. `capacities`
  // are those of the VRFs in order; one that is not told has RouteCapacity's.
  Rib(ForwardingTables& tables, QsbrDomain& qsbr,
      const std::vector<RouteCapacity>& capacities = {});
  Rib(const Rib&) = delete;
  Rib& operator=(const Rib&) = delete;

  VrfRib& vrf(VrfIndex index) { return *vrfs_[index.value()]; }
  const VrfRib& vrf(VrfIndex index) const { return *vrfs_[index.value()]; }
  VrfRib& main() { return *vrfs_[0]; }
  const VrfRib& main() const { return *vrfs_[0]; }
  size_t vrf_count() const { return vrfs_.size(); }

  // A port that was never set is down. A change of MAC or MTU rewrites the port's adjacencies.
  void SetPort(PortIndex port, const RibPort& state);

  void SetNeighbor(PortIndex port, const IpAddress& address, const MacAddress& mac);
  // Until it is resolved or removed, packets to it are unreachable.
  void SetNeighborFailed(PortIndex port, const IpAddress& address);
  // Back to unresolved.
  void RemoveNeighbor(PortIndex port, const IpAddress& address);

  // By address.
  void ForEachNeighbor(const std::function<void(const NeighborView&)>& visit) const;
  // Groups of several next hops, in no particular order.
  void ForEachEcmp(const std::function<void(const EcmpView&)>& visit) const;
  // Sent to the neighbour by all lcores since there is a way through it.
  uint64_t NeighborPackets(PortIndex port, const IpAddress& address) const {
    return paths_.Packets({address, port});
  }
  size_t neighbor_count() const { return links_.neighbors().size(); }
  // Of all VRFs.
  uint64_t refused_changes() const;

 private:
  void ChangeNeighbor(const NeighborKey& key, const std::optional<Neighbor>& state);
  // Lcores look again at what they hold.
  void Bump();

  ForwardingTables& tables_;
  LinkState links_;
  PathTable paths_;
  std::vector<std::unique_ptr<VrfRib>> vrfs_;
};

}  // namespace flyover::router
