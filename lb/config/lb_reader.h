// From checked values to lb_config.h and back.
#pragma once

#include <vector>

#include "common/config/config_report.h"
#include "common/config/config_value.h"
#include "common/config/dataplane_config.h"
#include "common/config/yaml_writer.h"
#include "lb/config/lb_config.h"

namespace flyover::lb {

// Reads `services`, `balancer` and `health` of the root map. `ports` are those of the same
// document: the backends of an L2-DSR service must lie in their subnets.
LbConfig ReadLb(const ConfigValue& document, const std::vector<PortConfig>& ports,
                ConfigReport& report);

void WriteServices(const LbConfig& config, YamlWriter& out);
void WriteBalancer(const LbConfig& config, YamlWriter& out);
void WriteHealth(const LbConfig& config, YamlWriter& out);
void WriteChanges(const LbConfig& config, YamlWriter& out);

}  // namespace flyover::lb
