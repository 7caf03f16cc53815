#include "router/datapath/l4_input.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/net/headers.h"

namespace flyover::router {
namespace {

enum WellKnownPort : uint16_t {
  kPortSsh = 22,
  kPortDhcpServer = 67,
  kPortDhcpClient = 68,
  kPortBgp = 179,
  kPortRip = 520,
  kPortRipng = 521,
  kPortDhcp6Client = 546,
  kPortDhcp6Server = 547,
  kPortLdp = 646,
  kPortBfd = 3784,
  kPortBfdEcho = 3785,
  kPortBfdMultihop = 4784,
};

struct Ports {
  uint16_t src = 0;
  uint16_t dst = 0;
};

Ports PortsOf(const rte_mbuf* m, const PacketMeta& meta) {
  if ((meta.flags & kL4Valid) == 0) return {};
  const auto* l4 = rte_pktmbuf_mtod_offset(m, const uint8_t*, meta.l4_offset);
  return {LoadBe16(l4), LoadBe16(l4 + 2)};
}

bool IsUdp(const PacketMeta& meta) {
  return meta.protocol == kProtoUdp && (meta.flags & kL4Valid) != 0;
}

bool IsRoutingUdp(uint16_t port) {
  return port == kPortBfd || port == kPortBfdEcho || port == kPortBfdMultihop || port == kPortRip ||
         port == kPortRipng || port == kPortLdp;
}

bool IsIcmpv4Error(uint8_t type) {
  return type == kIcmpUnreachable || type == kIcmpSourceQuench || type == kIcmpRedirect ||
         type == kIcmpTimeExceeded || type == kIcmpParameterProblem;
}

}  // namespace

void internal::CheckIcmp(const rte_mbuf* m, PacketMeta& meta) {
  const bool ipv6 = (meta.flags & kIpv6) != 0;
  if (meta.protocol != (ipv6 ? kProtoIcmpv6 : kProtoIcmp)) return;
  if (!HasL4(m, meta, sizeof(IcmpHeader))) {
    meta.flags |= kIcmpError;
    return;
  }
  meta.flags |= kL4Valid;
  const uint8_t type = *rte_pktmbuf_mtod_offset(m, const uint8_t*, meta.l4_offset);
  const bool error =
      ipv6 ? type < kIcmpv6FirstInformational || type == kIcmpv6Redirect : IsIcmpv4Error(type);
  if (error) meta.flags |= kIcmpError;
}

uint64_t AddressFlowHash(const HashKey& key, const rte_mbuf* m, const PacketMeta& meta,
                         bool symmetric) {
  if ((meta.flags & kIpv6) == 0) {
    const auto* ip = rte_pktmbuf_mtod_offset(m, const Ipv4Header*, meta.l3_offset);
    uint32_t src = ip->src.host(), dst = ip->dst.host();
    if (symmetric && src > dst) std::swap(src, dst);
    return HashIpv4Flow(key, src, dst, 0, 0);
  }
  const auto* ip = rte_pktmbuf_mtod_offset(m, const Ipv6Header*, meta.l3_offset);
  const bool swap = symmetric && std::memcmp(ip->src, ip->dst, 16) > 0;
  std::array<uint8_t, 32> addresses;
  std::memcpy(addresses.data(), swap ? ip->dst : ip->src, 16);
  std::memcpy(addresses.data() + 16, swap ? ip->src : ip->dst, 16);
  return HashIpv6Flow(key, addresses.data(), 0, 0);
}

uint64_t SymmetricFlowHash(const HashKey& key, const rte_mbuf* m, const PacketMeta& meta) {
  const uint32_t ports = FlowPorts(m, meta);
  const uint32_t swapped = (ports >> 16) | (ports << 16);
  if ((meta.flags & kIpv6) == 0) {
    const auto* ip = rte_pktmbuf_mtod_offset(m, const Ipv4Header*, meta.l3_offset);
    const bool forward = ip->src.host() <= ip->dst.host();
    const bool same = ip->src == ip->dst;
    return HashIpv4Flow(key, std::min(ip->src.host(), ip->dst.host()),
                        std::max(ip->src.host(), ip->dst.host()),
                        same      ? std::min(ports, swapped)
                        : forward ? ports
                                  : swapped,
                        meta.protocol);
  }
  const auto* ip = rte_pktmbuf_mtod_offset(m, const Ipv6Header*, meta.l3_offset);
  const int order = std::memcmp(ip->src, ip->dst, 16);
  std::array<uint8_t, 32> addresses;
  std::memcpy(addresses.data(), order <= 0 ? ip->src : ip->dst, 16);
  std::memcpy(addresses.data() + 16, order <= 0 ? ip->dst : ip->src, 16);
  return HashIpv6Flow(key, addresses.data(),
                      order == 0  ? std::min(ports, swapped)
                      : order < 0 ? ports
                                  : swapped,
                      meta.protocol);
}

bool IsDhcp(const rte_mbuf* m, const PacketMeta& meta) {
  if (!IsUdp(meta)) return false;
  const uint16_t dst = PortsOf(m, meta).dst;
  return (meta.flags & kIpv6) != 0 ? dst == kPortDhcp6Client || dst == kPortDhcp6Server
                                   : dst == kPortDhcpServer || dst == kPortDhcpClient;
}

bool internal::IsForClientHere(const rte_mbuf* m, const PacketMeta& meta) {
  const Ports ports = PortsOf(m, meta);
  if (ports.src != kPortDhcpServer || ports.dst != kPortDhcpClient) return false;
  if ((meta.flags & kL2Group) != 0) return true;
  constexpr unsigned kClientHardwareAddress = 28;  // RFC 2131 2: chaddr
  const unsigned at =
      meta.l4_offset + static_cast<unsigned>(sizeof(UdpHeader)) + kClientHardwareAddress;
  if (at + sizeof(MacAddress) > m->data_len) return false;
  const auto* ethernet = rte_pktmbuf_mtod(m, const EthernetHeader*);
  return std::memcmp(rte_pktmbuf_mtod_offset(m, const uint8_t*, at), &ethernet->dst,
                     sizeof(MacAddress)) == 0;
}

bool IsControlMulticast(const rte_mbuf* m, const PacketMeta& meta) {
  switch (meta.protocol) {
    case kProtoOspf:
    case kProtoVrrp:
    case kProtoPim:
      return true;
    case kProtoIgmp:
      return (meta.flags & kIpv6) == 0;
    case kProtoUdp:
      return IsUdp(meta) && IsRoutingUdp(PortsOf(m, meta).dst);
    default:
      return false;
  }
}

PuntReason ClassifyLocal(const rte_mbuf* m, const PacketMeta& meta) {
  const Ports ports = PortsOf(m, meta);
  switch (meta.protocol) {
    case kProtoTcp:
      if (ports.dst == kPortSsh || ports.src == kPortSsh) return PuntReason::kSsh;
      if (ports.dst == kPortBgp || ports.src == kPortBgp) return PuntReason::kRoutingProtocol;
      return PuntReason::kLocal;
    case kProtoUdp:
      if (IsRoutingUdp(ports.dst)) return PuntReason::kRoutingProtocol;
      return IsDhcp(m, meta) ? PuntReason::kDhcp : PuntReason::kLocal;
    case kProtoOspf:
    case kProtoVrrp:
    case kProtoPim:
      return PuntReason::kRoutingProtocol;
    case kProtoIcmpv6: {
      if ((meta.flags & kIpv6) == 0 || (meta.flags & kL4Valid) == 0) return PuntReason::kLocal;
      const uint8_t type = *rte_pktmbuf_mtod_offset(m, const uint8_t*, meta.l4_offset);
      return type >= kIcmpv6RouterSolicit && type <= kIcmpv6Redirect
                 ? PuntReason::kNeighborDiscovery
                 : PuntReason::kLocal;
    }
    default:
      return PuntReason::kLocal;
  }
}

}  // namespace flyover::router
