// The descriptions of the sections about the machine, beside the structs of dataplane_config.h.
#pragma once

#include "common/config/schema.h"

namespace flyover {

SchemaKey DataplaneKey();
SchemaKey PortsKey();
SchemaKey KernelKey();
// Of a VRF: as those of `kernel`, but it must have a namespace.
SchemaKey VrfNamespaceKey();
SchemaKey TablesKey();
SchemaKey PuntKey();
SchemaKey MetricsKey();
SchemaKey ControlKey();
SchemaKey LogKey();

}  // namespace flyover
