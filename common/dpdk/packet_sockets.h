// The packet sockets (packet(7)) that this process has bound to a network interface.
//
// net_af_packet offers no receive interrupts, but its queues are such sockets, and poll(2) says
// when one has a frame. The driver opens them in the order of its queues.
#pragma once

#include <vector>

namespace flyover {

// Descriptors in ascending order. They stay the driver's: only poll them.
std::vector<int> PacketSocketsOn(unsigned if_index);

}  // namespace flyover
