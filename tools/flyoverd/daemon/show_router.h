// What `flyover show routes|route|sync|vrfs|neighbors` answers, from the RIB.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "common/control/results.h"
#include "common/net/ip_address.h"
#include "router/control/kernel_sync.h"
#include "router/rib/rib.h"
#include "tools/flyoverd/daemon/kernel_side.h"
#include "tools/flyoverd/daemon/kernel_vrf.h"
#include "tools/flyoverd/daemon/router_names.h"

namespace flyover {

// Of one VRF; `rib` is its. `limit` 0: all.
RoutesResult ShowRoutes(const KernelVrf& vrf, const router::VrfRib& rib, const RouterNames& names,
                        size_t limit);
// Those that there is no room for, in the same form.
RoutesResult ShowRefusedRoutes(const KernelVrf& vrf, const router::VrfRib& rib,
                               const RouterNames& names, size_t limit);
RouteExplainResult ShowRoute(const KernelVrf& vrf, const router::VrfRib& rib,
                             const RouterNames& names, const IpAddress& address);
// `diff` none: not compared.
SyncResult ShowSync(const KernelVrf& vrf, std::chrono::steady_clock::time_point now,
                    const router::VrfRib& rib, const RouterNames& names,
                    const std::vector<router::RouteDifference>* diff);
// Of all.
VrfsResult ShowVrfs(const KernelSide& kernel, std::chrono::steady_clock::time_point now,
                    const router::Rib& rib, const RouterNames& names);
NeighborsResult ShowNeighbors(const router::Rib& rib, const RouterNames& names);

}  // namespace flyover
