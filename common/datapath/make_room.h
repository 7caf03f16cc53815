// Room for the headers that a stage puts in front of what a packet carries.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

namespace flyover {

// Takes `carried` bytes off the front of the packet and makes `room` bytes in their place, the
// headers still in one piece as normalize.h has it. False: no memory; `m` is then what is left of
// the packet, one whole chain that the caller still owns. REQUIRES: a normal packet.
bool MakeRoom(rte_mbuf*& m, uint16_t carried, uint16_t room, rte_mempool* pool);

}  // namespace flyover
