#include "common/datapath/normalize.h"

namespace flyover {

rte_mbuf* CopyToNormal(rte_mbuf* m, rte_mempool* pool) {
  rte_mbuf* const copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
  if (copy == nullptr) return nullptr;
  copy->port = m->port;
  rte_pktmbuf_free(m);
  return copy;
}

void CutTo(rte_mbuf* m, uint32_t length) {
  m->pkt_len = length;
  uint32_t left = length;
  rte_mbuf* last = m;
  uint16_t segments = 1;
  for (; left > last->data_len; last = last->next, ++segments) left -= last->data_len;
  last->data_len = static_cast<uint16_t>(left);
  rte_pktmbuf_free(last->next);
  last->next = nullptr;
  m->nb_segs = segments;
}

rte_mbuf* PushFront(rte_mbuf* m, uint16_t length, rte_mempool* pool) {
  if (rte_pktmbuf_prepend(m, length) != nullptr) return m;
  rte_mbuf* const head = rte_pktmbuf_alloc(pool);
  if (head == nullptr) return nullptr;
  if (m->nb_segs == RTE_MBUF_MAX_NB_SEGS) {
    rte_pktmbuf_free(head);
    return nullptr;
  }
  head->port = m->port;
  head->hash = m->hash;
  head->data_len = length;
  head->pkt_len = length + m->pkt_len;
  head->nb_segs = static_cast<uint16_t>(m->nb_segs + 1);
  head->next = m;
  return head;
}

}  // namespace flyover
