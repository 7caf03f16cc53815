// The descriptions of the router's sections, beside the structs of router_config.h.
#pragma once

#include "common/config/schema.h"

namespace flyover::router {

SchemaKey RoutesKey();
SchemaKey RouterKey();
SchemaKey VrfsKey();

}  // namespace flyover::router
