// The descriptions of the balancer's sections, beside the structs of lb_config.h.
#pragma once

#include "common/config/schema.h"

namespace flyover::lb {

SchemaKey ServicesKey();
SchemaKey BalancerKey();
SchemaKey HealthKey();
SchemaKey ChangesKey();

}  // namespace flyover::lb
