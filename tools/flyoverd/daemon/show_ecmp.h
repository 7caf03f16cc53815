// What `flyover show ecmp` answers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/control/results.h"
#include "router/rib/rib.h"

namespace flyover {

// `limit` 0: all; otherwise the groups of most routes. Port names by PortIndex.
EcmpResult ShowEcmp(const router::Rib& rib, const std::vector<std::string>& ports, size_t limit);

}  // namespace flyover
