// Checks between sections: who may have which address.
#pragma once

#include "common/config/config_report.h"
#include "common/config/config_value.h"

namespace flyover {

// Refused: a VIP, protocol and port in two services; an address that is two of port, VIP, backend
// and tunnel source; a VIP or backend that is a subnet's own or broadcast address; too many
// backends in all. `document` is the checked root map.
void CheckAddresses(const ConfigValue& document, ConfigReport& report);

}  // namespace flyover
