// The list of static routes, those among them that leak from one VRF into another apart.
#pragma once

#include <vector>

#include "common/config/config_report.h"
#include "common/config/config_value.h"
#include "common/config/dataplane_config.h"
#include "router/config/router_config.h"

namespace flyover::router {

// Refused beyond what the schema refuses: two routes of one prefix and metric, unknown ports,
// gateways of the wrong family, out of reach, or our own; next hops of a route that has none to
// have; next hops in another VRF than the route; leaks into the route's own VRF.
void ReadRoutes(const ConfigValue& document, const std::vector<PortConfig>& ports,
                ConfigReport& report, std::vector<StaticRoute>& routes,
                std::vector<LeakRoute>& leaks);

}  // namespace flyover::router
