// Ports and neighbours as the kernel and the devices report them.
//
// Threads: control thread only.
#pragma once

#include <array>
#include <compare>
#include <map>
#include <optional>

#include "common/base/strong_id.h"
#include "common/net/ip_address.h"
#include "common/net/mac_address.h"
#include "router/fib/adjacency.h"
#include "router/rib/rib_types.h"

namespace flyover::router {

// Address first: the neighbours inside a prefix lie together.
struct NeighborKey {
  IpAddress address;
  PortIndex port = kNoPort;
  auto operator<=>(const NeighborKey&) const = default;
};

struct Neighbor {
  AdjacencyState state = AdjacencyState::kUnresolved;  // kept: kResolved or kFailed
  MacAddress mac;
  bool operator==(const Neighbor&) const = default;
};

class LinkState {
 public:
  const RibPort& port(PortIndex p) const { return ports_[p.value()]; }
  // False when nothing changed.
  bool SetPort(PortIndex p, const RibPort& state) {
    if (ports_[p.value()] == state) return false;
    ports_[p.value()] = state;
    return true;
  }

  // A tunnel: has no neighbours, the other end takes everything.
  bool point_to_point(PortIndex p) const { return ports_[p.value()].point_to_point; }

  const std::map<NeighborKey, Neighbor>& neighbors() const { return neighbors_; }
  // Unresolved when unknown.
  Neighbor neighbor(const NeighborKey& key) const {
    if (point_to_point(key.port)) return {AdjacencyState::kResolved, ports_[key.port.value()].mac};
    const auto it = neighbors_.find(key);
    return it == neighbors_.end() ? Neighbor{} : it->second;
  }
  NexthopView ViewOf(const RibNexthop& hop) const {
    NexthopView view;
    view.gateway = hop.gateway;
    view.port = hop.port;
    view.weight = hop.weight;
    view.port_up = port(hop.port).up;
    if (hop.gateway) {
      const Neighbor state = neighbor({*hop.gateway, hop.port});
      view.state = state.state;
      view.mac = state.mac;
    }
    return view;
  }

  // nullopt removes. False when nothing changed.
  bool SetNeighbor(const NeighborKey& key, const std::optional<Neighbor>& state) {
    const auto it = neighbors_.find(key);
    if (!state) {
      if (it == neighbors_.end()) return false;
      neighbors_.erase(it);
      return true;
    }
    if (it != neighbors_.end() && it->second == *state) return false;
    neighbors_.insert_or_assign(key, *state);
    return true;
  }

 private:
  std::array<RibPort, kMaxPorts> ports_{};
  std::map<NeighborKey, Neighbor> neighbors_;
};

}  // namespace flyover::router
