// The kernel's routes and the RIB's, side by side: what `flyover show sync --diff` answers.
//
// Pure: values in, values out.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "router/control/rib_sink.h"

namespace flyover::router {

class VrfRib;

// Takes the place of the RIB behind a mirror: keeps what the RIB would be told.
class RouteCollector : public RibSink {
 public:
  using Key = std::pair<IpPrefix, uint32_t>;  // prefix, metric

  Status UpsertRoute(const RibRoute& route) override;
  Status RemoveRoute(const IpPrefix& prefix, uint32_t metric) override;
  void SetNeighbor(PortIndex, const IpAddress&, const MacAddress&) override {}
  void SetNeighborFailed(PortIndex, const IpAddress&) override {}
  void RemoveNeighbor(PortIndex, const IpAddress&) override {}

  struct KeyHash {
    size_t operator()(const Key& key) const noexcept {
      return std::hash<IpPrefix>()(key.first) * 31 + key.second;
    }
  };
  using Routes = std::unordered_map<Key, RibRoute, KeyHash>;
  Routes& routes() { return routes_; }

 private:
  Routes routes_;
};

struct RouteDifference {
  std::optional<RibRoute> kernel;  // none: Flyover has a route that the kernel has not
  std::optional<RibRoute> held;    // none: Flyover lacks it
};

// By prefix and metric; routes that are the same on both sides are left out. A full table has a
// million of those, so they are taken out of `kernel` instead of being copied.
std::vector<RouteDifference> DiffRoutes(RouteCollector& kernel, const VrfRib& rib);

}  // namespace flyover::router
