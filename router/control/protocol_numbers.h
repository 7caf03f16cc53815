// How what we put into the kernel is told from what others put there.
#pragma once

#include <cstdint>

namespace flyover::router {

// RTPROT_* of the document's static routes, IFA_PROTO of its addresses. Free in
// /etc/iproute2/rt_protos; `ip route show proto 197` lists ours.
inline constexpr uint8_t kStaticProtocol = 197;
// IFA_PROTO of VIP addresses, RTPROT_* of VIP routes.
inline constexpr uint8_t kVipProtocol = 198;

}  // namespace flyover::router
