// VRFs: the section `vrfs`.
#pragma once

#include <vector>

#include "common/config/config_report.h"
#include "common/config/config_value.h"
#include "common/config/yaml_writer.h"
#include "router/config/router_config.h"

namespace flyover::router {

// Refused beyond what the schema refuses: the name of the main VRF, no namespace, a namespace that
// another VRF has.
std::vector<VrfConfig> ReadVrfs(const ConfigValue& document, ConfigReport& report);
void WriteVrfs(const std::vector<VrfConfig>& vrfs, YamlWriter& out);

// The key `capacity` of `section`.
void ReadCapacity(const ConfigValue& section, RouteCapacity& capacity);
void WriteCapacity(const RouteCapacity& capacity, YamlWriter& out);

}  // namespace flyover::router
