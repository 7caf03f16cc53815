// From what the document says of a port to what lcores do.
#pragma once

#include <string>
#include <vector>

#include "common/config/dataplane_config.h"
#include "router/datapath/port_table.h"

namespace flyover {

// Sets the entry's feature bits and values. REQUIRES: entry.mtu is set.
void SetPortFeatures(const PortFeatures& features, router::PortEntry& entry);

// For people, what differs from a plain port: "urpf strict", "dscp 46".
std::vector<std::string> DescribeFeatures(const PortFeatures& features);

}  // namespace flyover
