// Lowers the MSS that a SYN announces (RFC 9293 3.7.1), where a link behind carries less.
#pragma once

#include "common/datapath/burst.h"

namespace flyover {

// REQUIRES: unfragmented TCP with kL4Valid, and no outer header yet. Packets other than SYNs, and
// options that are damaged, stay as they are.
void ClampMss(rte_mbuf* m, const PacketMeta& meta, uint16_t limit);

}  // namespace flyover
