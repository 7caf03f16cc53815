// From checked values to router_config.h and back.
#pragma once

#include <vector>

#include "common/config/config_report.h"
#include "common/config/config_value.h"
#include "common/config/dataplane_config.h"
#include "common/config/yaml_writer.h"
#include "router/config/router_config.h"

namespace flyover::router {

// Reads `routes` and `router` of the root map. `ports` are those of the same document: they resolve
// names and say which gateways can be reached.
RouterConfig ReadRouter(const ConfigValue& document, const std::vector<PortConfig>& ports,
                        ConfigReport& report);

void WriteRoutes(const RouterConfig& config, const std::vector<PortConfig>& ports, YamlWriter& out);
void WriteRouter(const RouterConfig& config, YamlWriter& out);

}  // namespace flyover::router
