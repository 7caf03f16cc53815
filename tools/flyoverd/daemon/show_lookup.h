// What `flyover show lookup` answers: what lcores do with packets to given addresses, read from the
// tables that lcores read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/control/results.h"
#include "router/fib/forwarding_tables.h"
#include "router/rib/rib.h"
#include "tools/flyoverd/daemon/router_names.h"

namespace flyover {

// In `vrf`; leaks are followed. `addresses`: separated by white space.
// Errors: kInvalidArgument names the word that is no address.
Result<LookupsResult> ShowLookups(const router::Rib& rib, const router::ForwardingTables& tables,
                                  const RouterNames& names, VrfIndex vrf,
                                  std::string_view addresses);

}  // namespace flyover
