// What a packet's TCP flags say of its connection.
#pragma once

#include "common/datapath/burst.h"
#include "common/net/headers.h"
#include "lb/conntrack/connection_shard.h"

namespace flyover::lb {

// REQUIRES: TCP packets have their whole header at l4_offset. Other protocols open and close
// nothing.
inline Touch TouchOf(const PacketMeta& meta, rte_mbuf* m) {
  if (meta.protocol != kProtoTcp) return Touch::kConfirm;
  const uint8_t flags = HeaderAt<TcpHeader>(m, meta.l4_offset)->flags;
  if ((flags & (kTcpFin | kTcpRst)) != 0) return Touch::kClose;
  if ((flags & kTcpAck) != 0) return Touch::kConfirm;
  return (flags & kTcpSyn) != 0 ? Touch::kOpen : Touch::kNothing;
}

}  // namespace flyover::lb
