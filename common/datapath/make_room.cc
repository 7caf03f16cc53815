#include "common/datapath/make_room.h"

#include "common/datapath/normalize.h"

namespace flyover {

bool internal::MakeRoomInFront(rte_mbuf*& m, uint16_t carried, uint16_t room, rte_mempool* pool) {
  rte_pktmbuf_adj(m, carried);
  rte_mbuf* const head = PushFront(m, room, pool);
  if (head == nullptr) return false;
  if (head == m) return true;
  m = head;  // a buffer in front, which owns the rest now
  rte_mbuf* const normal = Normalize(head, pool);
  if (normal == nullptr) return false;
  m = normal;
  return true;
}

}  // namespace flyover
