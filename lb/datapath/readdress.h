// L3DSR: the packet gets the backend's address, and a DSCP by which the backend knows the VIP.
#pragma once

#include "common/datapath/burst.h"
#include "lb/service/backend_entry.h"

namespace flyover::lb {

// Writes destination and DSCP of the packet itself; its ECN field, TTL and all else stay. Checksums
// (IPv4 header, TCP, UDP, ICMPv6) stay right, or as wrong as they were.
// REQUIRES: the backend's address has the packet's family; kL4Valid.
void Readdress(rte_mbuf* m, const PacketMeta& meta, const BackendEntry& backend);

}  // namespace flyover::lb
