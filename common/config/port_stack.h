// Ports on top of ports: what a sub-interface may stand on, and what it has from there.
#pragma once

#include <cstdint>
#include <vector>

#include "common/config/config_report.h"
#include "common/config/config_value.h"
#include "common/config/dataplane_config.h"

namespace flyover {

// Reads `vlan` of the port's `entry`.
void ReadVlan(const ConfigValue& entry, PortConfig& port, ConfigReport& report);

// Reads `tunnel` of the port's `entry`.
void ReadTunnel(const ConfigValue& document, const ConfigValue& entry, PortConfig& port,
                ConfigReport& report);

// The MTU of the port that `vlan` names, 1500 where that says nothing of it.
uint16_t MtuOfLower(const ConfigValue& document, const ConfigValue& vlan);

// Every port is one thing; a sub-interface stands on a device that there is and has tags of its
// own, a tunnel has ends of its own. REQUIRES: `ports` are those of the document's `ports`, in that
// order.
void CheckStack(const ConfigValue& document, const std::vector<PortConfig>& ports,
                ConfigReport& report);

}  // namespace flyover
