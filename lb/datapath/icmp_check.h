// The checksum of an ICMP or ICMPv6 message.
#pragma once

#include "common/datapath/burst.h"

namespace flyover::lb {

// Over the whole message, whatever segments it lies in. IPv6: with the pseudo-header (RFC
// 4443 2.3). REQUIRES: an unfragmented message with kL4Valid.
bool IcmpChecksumOk(const PacketMeta& meta, rte_mbuf* m);

}  // namespace flyover::lb
