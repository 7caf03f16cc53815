// From checked values to the structs of dataplane_config.h, with the checks that need more than one
// value. Each reads its own section of `document` (the root map); mistakes go to `report`.
#pragma once

#include <vector>

#include "common/config/config_report.h"
#include "common/config/config_value.h"
#include "common/config/dataplane_config.h"

namespace flyover {

DataplaneConfig ReadDataplane(const ConfigValue& document, ConfigReport& report);
KernelConfig ReadKernel(const ConfigValue& document, ConfigReport& report);
// `namespace` and `tables` of `kernel` or of a VRF.
KernelConfig ReadKernelSection(const ConfigValue& section, ConfigReport& report);
PuntConfig ReadPunt(const ConfigValue& document);
MetricsConfig ReadMetrics(const ConfigValue& document, ConfigReport& report);
// REQUIRES: `dataplane` is what ReadDataplane() gave for this document.
ControlConfig ReadControl(const ConfigValue& document, const DataplaneConfig& dataplane,
                          ConfigReport& report);
LogConfig ReadLog(const ConfigValue& document);

// The VRF that `name` names, by the document's `vrfs`; main and an error when there is none.
VrfIndex FindVrf(const ConfigValue& document, const ConfigValue& name, ConfigReport& report);

// common/config/port_reader.cc
std::vector<PortConfig> ReadPorts(const ConfigValue& document, ConfigReport& report);

// Whether two device strings open one device: PCI addresses with and without domain or in capitals,
// vdevs of one name, af_packet or af_xdp vdevs on one interface.
bool SameDevice(const std::string& a, const std::string& b);

}  // namespace flyover
