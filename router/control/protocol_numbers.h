// How what we put into the kernel is told from what others put there.
#pragma once

#include <cstdint>

namespace flyover::router {

// RTPROT_* of the document's static routes, IFA_PROTO of its addresses; `ip route show proto 170`
// lists ours. Free in /etc/iproute2/rt_protos, and outside 186 to 199: zebra takes those for its
// own, does not redistribute them, and sweeps what it does not know.
inline constexpr uint8_t kStaticProtocol = 170;
// IFA_PROTO of VIP addresses, RTPROT_* of VIP routes.
inline constexpr uint8_t kVipProtocol = 171;

}  // namespace flyover::router
