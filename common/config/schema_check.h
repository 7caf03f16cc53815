// Judges a YAML tree by a schema.
#pragma once

#include "common/config/config_report.h"
#include "common/config/config_value.h"
#include "common/config/schema.h"
#include "common/config/yaml_tree.h"

namespace flyover {

// Every mistake goes to `report`; what is right comes back, with defaults filled in.
// REQUIRES: `schema` is a kMap.
ConfigValue CheckSchema(const YamlNode& root, const Schema& schema, ConfigReport& report);

}  // namespace flyover
