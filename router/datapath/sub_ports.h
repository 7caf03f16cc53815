// Which port a frame came in by, where a device carries VLANs: part of stage 1.
//
// The source of a packet is stamped once. On a device with sub-interfaces (PortEntry::trunk) that
// is the sub-interface that the tags name; frames with tags that none has stay with the device, and
// stage 2 drops them.
#pragma once

#include <rte_mbuf.h>

#include "router/datapath/port_table.h"

namespace flyover::router {

// Any frame, in any form. REQUIRES: `device` is a trunk.
PortIndex PortOfFrame(const PortTable& ports, PortIndex device, const rte_mbuf* m);

}  // namespace flyover::router
