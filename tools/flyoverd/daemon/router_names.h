// The router's values as `show` names them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/strong_id.h"
#include "router/fib/adjacency.h"
#include "router/fib/nexthop_group.h"

namespace flyover {

// What numbers are called: ports by PortIndex, VRFs by VrfIndex and those of ports.
struct RouterNames {
  std::vector<std::string> ports;
  std::vector<std::string> vrfs;
  std::vector<VrfIndex> vrf_of_port;
};

// By PortIndex; "" for a port that is not there.
std::string PortName(const std::vector<std::string>& ports, PortIndex port);
// Of RTPROT_*, as `ip route` names them.
std::string ProtocolName(uint8_t protocol);
std::string ActionName(router::NexthopAction action);
std::string StateName(router::AdjacencyState state);

}  // namespace flyover
