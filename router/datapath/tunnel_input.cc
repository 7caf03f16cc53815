#include "router/datapath/tunnel_input.h"

#include <cstring>
#include <optional>

#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::router {
namespace {

constexpr uint16_t kEthernet = sizeof(EthernetHeader);
constexpr uint8_t kEcnMask = 3, kNotEct = 0, kEct1 = 1, kEct0 = 2, kCe = 3;  // RFC 3168 5
constexpr uint64_t kMtuBelievedSeconds = 600;                                // RFC 1191 6.3
constexpr uint16_t kLeastIpv4Mtu = 68;
constexpr uint16_t kLeastIpv6Mtu = 1280;

// A tunnel's packet: which tunnel it asks for, and where what it carries begins.
struct Carried {
  TunnelKey key;
  unsigned offset = 0;
  uint16_t type = 0;  // EtherType; 0: Ethernet
};

IpAddress SourceOfPacket(rte_mbuf* m, const PacketMeta& meta) {
  if ((meta.flags & kIpv6) != 0) {
    return Ipv6Address::FromBytes(HeaderAt<Ipv6Header>(m, meta.l3_offset)->src);
  }
  return Ipv4Address{HeaderAt<Ipv4Header>(m, meta.l3_offset)->src.host()};
}

IpAddress DestinationOfPacket(rte_mbuf* m, const PacketMeta& meta) {
  if ((meta.flags & kIpv6) != 0) {
    return Ipv6Address::FromBytes(HeaderAt<Ipv6Header>(m, meta.l3_offset)->dst);
  }
  return Ipv4Address{HeaderAt<Ipv4Header>(m, meta.l3_offset)->dst.host()};
}

// nullopt: not of a form that a tunnel of ours has. REQUIRES: bytes up to kContiguous are in one
// piece.
std::optional<Carried> ParseCarried(rte_mbuf* m, const PacketMeta& meta) {
  if ((meta.flags & kFragment) != 0) return std::nullopt;
  const unsigned at = meta.l4_offset;
  const unsigned end = std::min<unsigned>(meta.l3_offset + meta.l3_length, m->data_len);
  const auto has = [&](unsigned bytes) { return at + bytes <= end; };
  const uint8_t* const l4 = HeaderAt<uint8_t>(m, at);
  Carried carried;
  switch (meta.protocol) {
    case kProtoIpip:
    case kProtoIpv6:
      carried.key.kind = TunnelKind::kIpip;
      carried.offset = at;
      carried.type = meta.protocol == kProtoIpip ? kEtherTypeIpv4 : kEtherTypeIpv6;
      break;
    case kProtoGre: {
      constexpr uint16_t kKeyPresent = 0x2000;
      if (!has(4)) return std::nullopt;
      // Version 0; of the options, the key only: no checksum, no sequence number.
      const uint16_t flags = LoadBe16(l4);
      if ((flags & ~kKeyPresent) != 0) return std::nullopt;
      carried.key.kind = TunnelKind::kGre;
      carried.key.has_key = flags != 0;
      if (carried.key.has_key && !has(8)) return std::nullopt;
      if (carried.key.has_key) carried.key.key = LoadBe32(l4 + 4);
      carried.type = LoadBe16(l4 + 2);
      if (carried.type != kEtherTypeIpv4 && carried.type != kEtherTypeIpv6) return std::nullopt;
      carried.offset = at + (carried.key.has_key ? 8 : 4);
      break;
    }
    case kProtoUdp: {
      constexpr uint8_t kVniValid = 0x08;
      if (!has(16 + kEthernet) || LoadBe16(l4 + 2) != kVxlanPort) return std::nullopt;
      if ((l4[8] & kVniValid) == 0) return std::nullopt;
      carried.key.kind = TunnelKind::kVxlan;
      carried.key.has_key = true;
      carried.key.key = LoadBe32(l4 + 12) >> 8;
      carried.offset = at + 16;
      break;
    }
    default:
      return std::nullopt;
  }
  carried.key.local = DestinationOfPacket(m, meta);
  carried.key.remote = SourceOfPacket(m, meta);
  carried.key.underlay = meta.vrf;
  return carried;
}

// RFC 6040 4.2: what the inner header's ECN becomes; nullopt: the packet must be dropped.
std::optional<uint8_t> CombineEcn(uint8_t outer, uint8_t inner) {
  if (inner == kNotEct) {
    if (outer == kCe) return std::nullopt;
    return kNotEct;
  }
  if (outer == kCe) return kCe;
  if (inner == kEct0 && outer == kEct1) return kEct1;
  return inner;
}

// False: must be dropped. What is no whole IP header is left to stage 3.
bool TakeEcnOver(rte_mbuf* m, uint8_t outer, const Carried& carried) {
  const unsigned at = carried.offset + (carried.type == 0 ? kEthernet : 0u);
  const uint16_t type =
      carried.type != 0 ? carried.type : LoadBe16(HeaderAt<uint8_t>(m, carried.offset + 12));
  if (type == kEtherTypeIpv4 && at + sizeof(Ipv4Header) <= m->data_len) {
    auto& ip = *HeaderAt<Ipv4Header>(m, at);
    const auto ecn = CombineEcn(outer, ip.tos & kEcnMask);
    if (!ecn) return false;
    const uint16_t before = LoadUnaligned<uint16_t>(&ip.version_ihl);
    ip.tos = static_cast<uint8_t>((ip.tos & ~kEcnMask) | *ecn);
    ip.checksum = UpdateChecksum(ip.checksum, before, LoadUnaligned<uint16_t>(&ip.version_ihl));
  } else if (type == kEtherTypeIpv6 && at + sizeof(Ipv6Header) <= m->data_len) {
    auto& ip = *HeaderAt<Ipv6Header>(m, at);
    const auto ecn = CombineEcn(outer, ip.traffic_class() & kEcnMask);
    if (!ecn) return false;
    constexpr uint32_t kEcnBits = uint32_t{kEcnMask} << 20;
    ip.version_class_flow = Be32((ip.version_class_flow.host() & ~kEcnBits) | uint32_t{*ecn} << 20);
  }
  return true;
}

}  // namespace

bool TunnelInput(StageContext& ctx, RouterLcore& router, const PortTable& ports, rte_mbuf* m,
                 const PacketMeta& meta, Burst& inner) {
  const std::optional<Carried> carried = ParseCarried(m, meta);
  if (!carried) return false;
  const Tunnel* const tunnel = ports.tunnels.Find(carried->key);
  if (tunnel == nullptr || inner.size == kMaxBurst) return false;
  const PortEntry& port = ports[tunnel->port];
  if (!port.up) {
    ctx.Drop(m, DropReason::kPortDown);
    return true;
  }
  const uint8_t traffic_class = (meta.flags & kIpv6) != 0
                                    ? HeaderAt<Ipv6Header>(m, meta.l3_offset)->traffic_class()
                                    : HeaderAt<Ipv4Header>(m, meta.l3_offset)->tos;
  if (!TakeEcnOver(m, traffic_class & kEcnMask, *carried)) {
    ctx.Drop(m, DropReason::kTunnelEcn);
    return true;
  }
  if (carried->type == 0) {
    rte_pktmbuf_adj(m, static_cast<uint16_t>(carried->offset));
  } else {
    // As a frame to the tunnel's port. There is room: the outer IP header is longer.
    rte_pktmbuf_adj(m, static_cast<uint16_t>(carried->offset - kEthernet));
    auto& ethernet = *HeaderAt<EthernetHeader>(m, 0);
    ethernet.dst = port.mac;
    ethernet.src = port.mac;
    ethernet.src.bytes[5] ^= 1;  // the other end
    ethernet.type = Be16(carried->type);
  }
  router.tunnel_traffic[tunnel->port.value()].received.Add(1, m->pkt_len);
  SetTap(m, tunnel->port);
  const uint16_t n = inner.size++;
  inner.pkt[n] = m;
  inner.meta[n] = {};
  inner.meta[n].source = meta.source;
  inner.meta[n].in_port = tunnel->port;
  return true;
}

void LearnTunnelMtu(StageContext& ctx, RouterLcore& router, const PortTable& ports, rte_mbuf* m,
                    const PacketMeta& meta) {
  const bool ipv6 = (meta.flags & kIpv6) != 0;
  const unsigned quoted = meta.l4_offset + static_cast<unsigned>(sizeof(IcmpHeader));
  const unsigned needed =
      quoted + static_cast<unsigned>(ipv6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header));
  if (needed > std::min<unsigned>(meta.l3_offset + meta.l3_length, m->data_len)) return;
  const auto& icmp = *HeaderAt<IcmpHeader>(m, meta.l4_offset);
  IpAddress local, remote;
  uint32_t mtu = icmp.rest.host();
  if (ipv6) {
    if (icmp.type != kIcmpv6PacketTooBig || mtu < kLeastIpv6Mtu) return;
    const auto& ip = *HeaderAt<Ipv6Header>(m, quoted);
    local = Ipv6Address::FromBytes(ip.src);
    remote = Ipv6Address::FromBytes(ip.dst);
  } else {
    if (icmp.type != kIcmpUnreachable || icmp.code != kIcmpFragmentationNeeded) return;
    mtu &= 0xffff;
    if (mtu < kLeastIpv4Mtu) return;
    const auto& ip = *HeaderAt<Ipv4Header>(m, quoted);
    local = Ipv4Address{ip.src.host()};
    remote = Ipv4Address{ip.dst.host()};
  }
  const Tunnel* const tunnel = ports.tunnels.FindByEnds(local, remote, meta.vrf);
  // Room for the tunnel's own headers and the least packet of the inner protocol (RFC 791).
  if (tunnel == nullptr || mtu > UINT16_MAX || mtu < uint32_t{tunnel->overhead()} + kLeastIpv4Mtu)
    return;
  router.tunnel_mtus->Learn(tunnel->port, static_cast<uint16_t>(mtu),
                            ctx.now() + kMtuBelievedSeconds * ctx.tsc_hz());
}

}  // namespace flyover::router
