// The one place that deals with how a packet lies in memory. Behind it, stages may read and write
// the first kContiguous bytes through a pointer (burst.h, invariant 3).
#pragma once

#include <rte_mbuf.h>

#include <algorithm>

#include "common/datapath/burst.h"

namespace flyover {

// True for a packet that stages can work on as it is: headers in one piece, and nobody else holds
// its bytes.
inline bool IsNormal(const rte_mbuf* m) {
  if (m->nb_segs == 1 && RTE_MBUF_DIRECT(m)) [[likely]] {
    return rte_mbuf_refcnt_read(m) == 1;
  }
  const bool contiguous = m->data_len >= std::min<uint32_t>(m->pkt_len, kContiguous);
  const bool own = RTE_MBUF_DIRECT(m) ? rte_mbuf_refcnt_read(m) == 1
                                      : RTE_MBUF_HAS_EXTBUF(m) && rte_mbuf_refcnt_read(m) == 1 &&
                                            rte_mbuf_ext_refcnt_read(m->shinfo) == 1;
  return contiguous && own;
}

// A packet with the same bytes and source that is normal. Copies (slow) what is not and frees the
// original. Null when out of memory: then `m` still belongs to the caller.
rte_mbuf* CopyToNormal(rte_mbuf* m, rte_mempool* pool);  // the slow half
inline rte_mbuf* Normalize(rte_mbuf* m, rte_mempool* pool) {
  return IsNormal(m) ? m : CopyToNormal(m, pool);
}

// Cuts the packet to its first `length` bytes (Ethernet padding, trailers). REQUIRES: length <=
// pkt_len, and at least one byte stays.
void CutTo(rte_mbuf* m, uint32_t length);  // of a packet that is longer
inline void TrimTo(rte_mbuf* m, uint32_t length) {
  if (m->pkt_len != length) CutTo(m, length);
}

// Makes `length` bytes of room in front of the data. Uses headroom, else chains a buffer in front.
// Returns the new first segment, or null when out of memory (the packet is then unchanged).
rte_mbuf* PushFront(rte_mbuf* m, uint16_t length, rte_mempool* pool);

}  // namespace flyover
