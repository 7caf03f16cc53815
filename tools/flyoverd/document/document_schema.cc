#include "tools/flyoverd/document/document_schema.h"

#include "common/config/machine_schema.h"
#include "lb/config/lb_schema.h"
#include "router/config/router_schema.h"

namespace flyover {

Schema DocumentSchema() {
  return MapOf({DataplaneKey(), PortsKey(), KernelKey(), router::VrfsKey(), router::RoutesKey(),
                router::RouterKey(), lb::ServicesKey(), lb::BalancerKey(), lb::HealthKey(),
                lb::ChangesKey(), PuntKey(), MetricsKey(), ControlKey(), LogKey()});
}

}  // namespace flyover
