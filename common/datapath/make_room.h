// Room for the headers that a stage puts in front of what a packet carries.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

namespace flyover {

// Takes `carried` bytes off the front of the packet and makes `room` bytes in their place, the
// headers still in one piece as normalize.h has it. False: no memory; `m` is then what is left of
// the packet, one whole chain that the caller still owns. REQUIRES: a normal packet.
inline bool MakeRoom(rte_mbuf*& m, uint16_t carried, uint16_t room, rte_mempool* pool);

namespace internal {
bool MakeRoomInFront(rte_mbuf*& m, uint16_t carried, uint16_t room, rte_mempool* pool);
}

inline bool MakeRoom(rte_mbuf*& m, uint16_t carried, uint16_t room, rte_mempool* pool) {
  const auto more = static_cast<uint16_t>(room - carried);
  if (room < carried || more > m->data_off) [[unlikely]] {
    return internal::MakeRoomInFront(m, carried, room, pool);
  }
  m->data_off = static_cast<uint16_t>(m->data_off - more);
  m->data_len = static_cast<uint16_t>(m->data_len + more);
  m->pkt_len += more;
  return true;
}

}  // namespace flyover
