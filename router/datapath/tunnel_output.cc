#include "router/datapath/tunnel_output.h"

#include <algorithm>
#include <cstring>

#include "common/datapath/make_room.h"
#include "common/datapath/normalize.h"
#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "router/datapath/icmp_error.h"

namespace flyover::router {
namespace {

constexpr uint16_t kEthernet = sizeof(EthernetHeader);
constexpr uint16_t kIpv6MinimumMtu = 1280;
constexpr uint16_t kGreKeyPresent = 0x2000;
constexpr uint32_t kVxlanFlags = 0x08000000;  // the VNI is valid
constexpr uint16_t kFirstFlowPort = 0xc000;   // RFC 7348 5: source ports from the dynamic range

// What the outer headers take over from the inner one.
struct Inner {
  uint8_t traffic_class = 0;
  bool dont_fragment = true;
  uint16_t type = 0;  // EtherType
};

Inner ReadInner(rte_mbuf* m, const PacketMeta& meta) {
  const uint16_t type = HeaderAt<EthernetHeader>(m, meta.l3_offset - kEthernet)->type.host();
  if (type == kEtherTypeIpv6) {
    return {HeaderAt<Ipv6Header>(m, meta.l3_offset)->traffic_class(), true, type};
  }
  if (type != kEtherTypeIpv4) return {.type = type};  // ARP, from the kernel
  const auto& ip = *HeaderAt<Ipv4Header>(m, meta.l3_offset);
  return {ip.tos, (ip.fragment.host() & kIpv4DontFragment) != 0, type};
}

// The bytes behind the outer IP header; their number is Tunnel::header_length less the IP header.
uint8_t WriteShim(const Tunnel& tunnel, const Inner& inner, uint16_t payload, uint64_t flow_hash,
                  uint8_t* to) {
  switch (tunnel.key.kind) {
    case TunnelKind::kIpip:
      return inner.type == kEtherTypeIpv4 ? kProtoIpip : kProtoIpv6;
    case TunnelKind::kGre:
      StoreBe16(to, tunnel.key.has_key ? kGreKeyPresent : 0);
      StoreBe16(to + 2, inner.type);
      if (tunnel.key.has_key) StoreBe32(to + 4, tunnel.key.key);
      return kProtoGre;
    case TunnelKind::kVxlan:
      break;
  }
  auto* const udp = reinterpret_cast<UdpHeader*>(to);
  udp->src_port = Be16(static_cast<uint16_t>(kFirstFlowPort | (flow_hash >> 50)));
  udp->dst_port = Be16(kVxlanPort);
  udp->length = Be16(static_cast<uint16_t>(payload + 16));
  udp->checksum = Be16(0);  // RFC 7348 5, RFC 6935: over IPv6 too
  StoreBe32(to + 8, kVxlanFlags);
  StoreBe32(to + 12, tunnel.key.key << 8);
  return kProtoUdp;
}

void WriteOuter(const Tunnel& tunnel, RouterLcore& router, const Inner& inner, uint16_t payload,
                uint64_t flow_hash, uint8_t* to, PacketMeta& meta) {
  if (tunnel.v6()) {
    auto& ip = *reinterpret_cast<Ipv6Header*>(to);
    meta.protocol = WriteShim(tunnel, inner, payload, flow_hash, to + sizeof(ip));
    const auto label = static_cast<uint32_t>(flow_hash >> 44);  // RFC 6438
    ip.version_class_flow = Be32(6u << 28 | uint32_t{inner.traffic_class} << 20 | label);
    ip.payload_length =
        Be16(static_cast<uint16_t>(payload + tunnel.header_length() - sizeof(Ipv6Header)));
    ip.next_header = meta.protocol;
    ip.hop_limit = tunnel.ttl;
    std::memcpy(ip.src, tunnel.key.local.data(), 16);
    std::memcpy(ip.dst, tunnel.key.remote.data(), 16);
    return;
  }
  auto& ip = *reinterpret_cast<Ipv4Header*>(to);
  meta.protocol = WriteShim(tunnel, inner, payload, flow_hash, to + sizeof(ip));
  ip.version_ihl = 0x45;
  ip.tos = inner.traffic_class;
  ip.total_length = Be16(static_cast<uint16_t>(payload + tunnel.header_length()));
  ip.id = Be16(inner.dont_fragment ? uint16_t{0} : router.tunnel_ip_id++);  // RFC 6864 4.1
  ip.fragment = Be16(inner.dont_fragment ? kIpv4DontFragment : uint16_t{0});
  ip.ttl = tunnel.ttl;
  ip.protocol = meta.protocol;
  ip.checksum = Be16(0);
  ip.src = Be32(tunnel.key.local.v4().value);
  ip.dst = Be32(tunnel.key.remote.v4().value);
  ip.checksum = Checksum(&ip, sizeof(ip));
}

}  // namespace

void TunnelOutput(StageContext& ctx, RouterLcore& router, Burst& burst, const IndexList& in,
                  const std::array<PortIndex, kMaxBurst>& egress, IndexList& outer,
                  Burst& answers) {
  const TunnelTable& tunnels = router.ports->Load()->tunnels;
  for (const uint8_t i : in) {
    PacketMeta& meta = burst.meta[i];
    const Tunnel& tunnel = *tunnels.OfPort(egress[i]);
    const bool ethernet = tunnel.key.kind == TunnelKind::kVxlan;
    if ((meta.flags & kTunnelled) != 0) {
      ctx.Drop(burst.pkt[i], DropReason::kTunnelLoop);
      continue;
    }
    const auto payload =
        static_cast<uint32_t>(meta.l3_length + (ethernet ? kEthernet : uint16_t{0}));
    const uint32_t length = payload + tunnel.header_length();
    const uint16_t path_mtu = router.tunnel_mtus->Get(tunnel.port, ctx.now());
    if (length > path_mtu) {
      const bool ipv6 = (meta.flags & kIpv6) != 0;
      auto mtu = static_cast<uint16_t>(path_mtu - tunnel.overhead() - meta.overhead);
      if (ipv6) mtu = std::max(mtu, kIpv6MinimumMtu);
      SendIcmpError(ctx, router, burst, i, IcmpErrorKind::kTooBig, mtu, answers);
      ctx.Drop(burst.pkt[i], DropReason::kMtuExceeded);
      continue;
    }
    const Inner inner = ReadInner(burst.pkt[i], meta);
    const unsigned carried = ethernet ? meta.l3_offset - kEthernet : meta.l3_offset;
    TrimTo(burst.pkt[i], uint32_t{meta.l3_offset} + meta.l3_length);
    if (!MakeRoom(burst.pkt[i], static_cast<uint16_t>(carried),
                  static_cast<uint16_t>(kEthernet + tunnel.header_length()), ctx.pool())) {
      ctx.Drop(burst.pkt[i], DropReason::kNoMemory);
      continue;
    }
    rte_mbuf* const m = burst.pkt[i];
    router.tunnel_traffic[tunnel.port.value()].sent.Add(1, payload);
    WriteOuter(tunnel, router, inner, static_cast<uint16_t>(payload), meta.flow_hash,
               HeaderAt<uint8_t>(m, kEthernet), meta);
    meta.l3_offset = kEthernet;
    meta.l4_offset =
        static_cast<uint16_t>(kEthernet + (tunnel.v6() ? sizeof(Ipv6Header) : sizeof(Ipv4Header)));
    meta.l3_length = static_cast<uint16_t>(length);
    meta.overhead = static_cast<uint8_t>(meta.overhead + tunnel.overhead());
    meta.path_mtu = 0;
    meta.flags &= static_cast<uint16_t>(~(kL4Valid | kIpOptions | kRouterAlert | kIpv6 | kVip |
                                          kFragment | kLaterFragment | kTtlDone | kOnLinkOnly |
                                          kLinkLocalSource | kMayCut | kRoutingHeader0));
    meta.flags |= kOriginated | kTunnelled;
    if (!inner.dont_fragment && !tunnel.v6()) meta.flags |= kMayCut;
    if (tunnel.v6()) meta.flags |= kIpv6;
    meta.lookup = tunnel.key.remote.bytes();
    meta.lookup_v6 = tunnel.v6();
    meta.vrf = tunnel.key.underlay;
    outer.Add(i);
  }
}

bool DescribeKernelFrame(rte_mbuf* m, const HashKey& key, PacketMeta& meta) {
  meta.flags = kOriginated;
  meta.overhead = 0;
  meta.in_port = kNoPort;
  meta.l3_offset = kEthernet;
  if (m->pkt_len < kEthernet || m->data_len < std::min<uint32_t>(m->pkt_len, kContiguous)) {
    return false;
  }
  meta.l3_length = static_cast<uint16_t>(m->pkt_len - kEthernet);
  const uint16_t type = HeaderAt<EthernetHeader>(m, 0)->type.host();
  if (type == kEtherTypeIpv4 && meta.l3_length >= sizeof(Ipv4Header)) {
    const auto& ip = *HeaderAt<Ipv4Header>(m, kEthernet);
    meta.flow_hash = HashIpv4Flow(key, ip.src.host(), ip.dst.host(), 0, ip.protocol);
    return true;
  }
  if (type == kEtherTypeIpv6 && meta.l3_length >= sizeof(Ipv6Header)) {
    const auto& ip = *HeaderAt<Ipv6Header>(m, kEthernet);
    meta.flags |= kIpv6;
    meta.flow_hash = HashIpv6Flow(key, ip.src, 0, ip.next_header);
    return true;
  }
  meta.flow_hash = 0;
  return false;
}

}  // namespace flyover::router
