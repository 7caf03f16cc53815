// How the kernel of this network namespace would route a packet: one question over rtnetlink.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/status.h"
#include "tools/decap/decap_shared.h"

namespace flyover::decap {

struct Route {
  bool local = false;     // delivered here
  std::string interface;  // that it leaves by
  uint32_t mtu = 0;       // of the route; 0: the interface's
  uint32_t advmss = 0;    // of the route: what connections over it announce; 0: by the MTU
};

// Errors: kNotFound  there is no route, or one that refuses
Result<Route> RouteTo(const DecapAddress& destination);

}  // namespace flyover::decap
