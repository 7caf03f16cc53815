#include "router/datapath/port_rewrite.h"

#include <algorithm>
#include <limits>

#include "common/datapath/tcp_mss.h"
#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::router {
namespace {

constexpr uint8_t kEcnMask = 0x03;
constexpr uint16_t kNoLimit = std::numeric_limits<uint16_t>::max();

void SetDscp(rte_mbuf* m, const PacketMeta& meta, uint8_t dscp) {
  const auto bits = static_cast<uint8_t>(dscp << 2);
  if ((meta.flags & kIpv6) != 0) {
    auto& ip = *HeaderAt<Ipv6Header>(m, meta.l3_offset);
    const uint32_t word = ip.version_class_flow.host();
    ip.version_class_flow = Be32((word & ~(0xfcu << 20)) | static_cast<uint32_t>(bits) << 20);
    return;
  }
  auto& ip = *HeaderAt<Ipv4Header>(m, meta.l3_offset);
  const uint16_t before = LoadUnaligned<uint16_t>(&ip);
  ip.tos = static_cast<uint8_t>(bits | (ip.tos & kEcnMask));
  ip.checksum = UpdateChecksum(ip.checksum, before, LoadUnaligned<uint16_t>(&ip));
}

uint16_t MssLimit(const PortEntry& port, bool ipv6) {
  if ((port.features & kClampMss) == 0) return kNoLimit;
  return ipv6 ? port.mss6 : port.mss4;
}

}  // namespace

void RewriteForPorts(const PortTable& ports, Burst& burst, const IndexList& in,
                     const std::array<PortIndex, kMaxBurst>& egress) {
  for (const uint8_t i : in) {
    const PacketMeta& meta = burst.meta[i];
    if (meta.in_port == kNoPort) continue;
    const PortEntry& from = ports[meta.in_port];
    const PortEntry& to = ports[egress[i]];
    if ((from.features & kMarkDscp) != 0) SetDscp(burst.pkt[i], meta, from.dscp);
    if (((from.features | to.features) & kClampMss) == 0) continue;
    const bool tcp = meta.protocol == kProtoTcp && meta.overhead == 0 &&
                     (meta.flags & (kL4Valid | kFragment)) == kL4Valid;
    if (!tcp) continue;
    const bool ipv6 = (meta.flags & kIpv6) != 0;
    ClampMss(burst.pkt[i], meta, std::min(MssLimit(from, ipv6), MssLimit(to, ipv6)));
  }
}

}  // namespace flyover::router
