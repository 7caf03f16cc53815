// What `flyover show routes|route|neighbors` answers, from the RIB.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "common/control/results.h"
#include "common/net/ip_address.h"
#include "router/control/kernel_sync.h"
#include "router/fib/forwarding_tables.h"
#include "router/rib/rib.h"

namespace flyover {

// `limit` 0: all. Port names by PortIndex.
RoutesResult ShowRoutes(const router::KernelSync& sync, const router::Rib& rib,
                        const router::ForwardingTables& tables,
                        const std::vector<std::string>& ports, size_t limit);
// Those that there is no room for, in the same form.
RoutesResult ShowRefusedRoutes(const router::KernelSync& sync,
                               const router::ForwardingTables& tables,
                               const std::vector<std::string>& ports, size_t limit);
RouteExplainResult ShowRoute(const router::Rib& rib, const std::vector<std::string>& ports,
                             const IpAddress& address);
// `diff` none: not compared.
SyncResult ShowSync(const router::KernelSync& sync, std::chrono::steady_clock::time_point now,
                    const router::Rib& rib, const router::ForwardingTables& tables,
                    const std::vector<std::string>& ports,
                    const std::vector<router::RouteDifference>* diff);
NeighborsResult ShowNeighbors(const router::Rib& rib, const std::vector<std::string>& ports);

}  // namespace flyover
