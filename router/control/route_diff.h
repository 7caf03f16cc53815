// The kernel's routes and the RIB's, side by side: what `flyover show sync --diff` answers.
//
// Pure: values in, values out.
#pragma once

#include <optional>
#include <vector>

#include "router/control/rib_sink.h"

namespace flyover::router {

class VrfRib;

struct RouteDifference {
  std::optional<RibRoute> kernel;  // none: Flyover has a route that the kernel has not
  std::optional<RibRoute> held;    // none: Flyover lacks it
};

// Takes the place of the RIB behind a mirror, and compares what the RIB would be told with what it
// has. Nothing of what is the same on both sides is kept: a full table has a million of those.
// REQUIRES: each route is told once, and `rib` does not change between Begin and Finish.
class RouteComparison : public RibSink {
 public:
  explicit RouteComparison(const VrfRib& rib) : rib_(rib) {}

  // Before the first route.
  void Begin();

  void Prefetch(const IpPrefix& prefix) const override;
  Status UpsertRoute(const RibRoute& route) override;
  Status RemoveRoute(const IpPrefix&, uint32_t) override { return Status::Ok(); }
  void SetNeighbor(PortIndex, const IpAddress&, const MacAddress&) override {}
  void SetNeighborFailed(PortIndex, const IpAddress&) override {}
  void RemoveNeighbor(PortIndex, const IpAddress&) override {}

  // By prefix and metric. Once, after the last route.
  std::vector<RouteDifference> Finish();

 private:
  const VrfRib& rib_;
  std::vector<bool> seen_;  // by HeldRoute::index
  std::vector<RouteDifference> differences_;
};

}  // namespace flyover::router
