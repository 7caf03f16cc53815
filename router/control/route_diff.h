// The kernel's routes and the RIB's, side by side: what `flyover show sync --diff` answers.
//
// Pure: values in, values out.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "router/control/rib_sink.h"

namespace flyover::router {

class Rib;

// Takes the place of the RIB behind a mirror: keeps what the RIB would be told.
class RouteCollector : public RibSink {
 public:
  using Key = std::pair<IpPrefix, uint32_t>;  // prefix, metric

  Status UpsertRoute(const RibRoute& route) override;
  Status RemoveRoute(const IpPrefix& prefix, uint32_t metric) override;
  void SetNeighbor(PortIndex, const IpAddress&, const MacAddress&) override {}
  void SetNeighborFailed(PortIndex, const IpAddress&) override {}
  void RemoveNeighbor(PortIndex, const IpAddress&) override {}

  const std::map<Key, RibRoute>& routes() const { return routes_; }

 private:
  std::map<Key, RibRoute> routes_;
};

struct RouteDifference {
  std::optional<RibRoute> kernel;  // none: Flyover has a route that the kernel has not
  std::optional<RibRoute> held;    // none: Flyover lacks it
};

// By prefix and metric; routes that are the same on both sides are left out.
std::vector<RouteDifference> DiffRoutes(const RouteCollector& kernel, const Rib& rib);

}  // namespace flyover::router
