// What `flyover show services|backends|connections` answers.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "common/control/results.h"
#include "lb/control/service_manager.h"
#include "lb/control/vip_announcer.h"
#include "tools/flyoverd/dataplane/dataplane.h"

namespace flyover {

ServicesResult ShowServices(const lb::ServiceManager& manager);
BackendsResult ShowBackends(const lb::ServiceManager& manager);
// `announces`: the document says so.
HandshakesResult ShowHandshakes(const lb::ServiceManager& manager);
VipsResult ShowVips(const lb::ServiceManager& manager, const std::vector<lb::VipInfo>& vips,
                    bool announces, bool box_drained, std::chrono::steady_clock::time_point now);
ConnectionsResult ShowConnections(const lb::ServiceManager& manager, Dataplane& dataplane,
                                  size_t limit);

}  // namespace flyover
