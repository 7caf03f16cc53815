// What `flyover show services|backends|connections` answers.
#pragma once

#include <cstddef>

#include "common/control/results.h"
#include "lb/control/service_manager.h"
#include "tools/flyoverd/dataplane/dataplane.h"

namespace flyover {

ServicesResult ShowServices(const lb::ServiceManager& manager);
BackendsResult ShowBackends(const lb::ServiceManager& manager);
ConnectionsResult ShowConnections(const lb::ServiceManager& manager, Dataplane& dataplane,
                                  size_t limit);

}  // namespace flyover
