// The inverse of machine_reader.h: each writes its section with every key.
#pragma once

#include <string>
#include <vector>

#include "common/config/dataplane_config.h"
#include "common/config/yaml_writer.h"

namespace flyover {

void WriteDataplane(const DataplaneConfig& config, YamlWriter& out);
// `vrfs` are the names of the VRFs by index.
void WritePorts(const std::vector<PortConfig>& ports, const std::vector<std::string>& vrfs,
                YamlWriter& out);
void WriteKernel(const KernelConfig& config, YamlWriter& out);
// The keys of `kernel` or of a VRF.
void WriteKernelKeys(const KernelConfig& config, YamlWriter& out);
void WritePunt(const PuntConfig& config, YamlWriter& out);
void WriteMetrics(const MetricsConfig& config, YamlWriter& out);
void WriteControl(const ControlConfig& config, YamlWriter& out);
void WriteLog(const LogConfig& config, YamlWriter& out);

}  // namespace flyover
