// One entry of `services`.
#pragma once

#include <vector>

#include "common/config/config_report.h"
#include "common/config/config_value.h"
#include "common/config/dataplane_config.h"
#include "lb/config/lb_config.h"

namespace flyover::lb {

struct ServiceContext {
  const std::vector<PortConfig>& ports;
  bool ports_complete;           // false: conclusions from what ports lack are not drawn
  TunnelSource default_source;   // balancer.source
  bool default_source_complete;  // the same for it
  uint32_t default_table_size;   // balancer.table_size; 0: automatic
};

// The checks that a service needs alone. Those between services are the document's.
ServiceConfig ReadService(const ConfigValue& entry, const ServiceContext& context,
                          ConfigReport& report);

// The value of a `table_size`; 0: automatic.
uint32_t ReadTableSize(const ConfigValue& value);

// The members `ipv4` and `ipv6` of a `source` map; null gives none.
TunnelSource ReadSource(const ConfigValue* section, ConfigReport& report);

}  // namespace flyover::lb
