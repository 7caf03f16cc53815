#include "lb/datapath/encap.h"

#include "common/datapath/make_room.h"
#include "common/datapath/normalize.h"
#include "common/datapath/tcp_mss.h"
#include "common/net/headers.h"
#include "lb/datapath/outer_header.h"
#include "lb/datapath/readdress.h"
#include "lb/datapath/vip_fragment.h"
#include "lb/service/flow_slices.h"

namespace flyover::lb {
namespace {

constexpr uint16_t kEthernet = sizeof(EthernetHeader);

uint8_t OuterProtocol(const BackendEntry& backend, const Inner& inner) {
  switch (backend.forward) {
    case ForwardMode::kGre:
      return kProtoGre;
    case ForwardMode::kGue:
      return kProtoUdp;
    default:
      return inner.v6 ? kProtoIpv6 : kProtoIpip;
  }
}

bool OuterMayFragment(const BackendEntry& backend, const Inner& inner) {
  if (backend.df == DfPolicy::kCopy) return inner.may_fragment;
  return backend.df == DfPolicy::kClear;
}

// What GRE and GUE have between the outer IP header and the inner one.
void WriteShim(const BackendEntry& backend, const Inner& inner, uint16_t inner_length,
               uint64_t flow_hash, uint8_t* to) {
  if (backend.forward == ForwardMode::kGre) {
    auto& gre = *reinterpret_cast<GreHeader*>(to);
    gre.flags_version = Be16(0);
    gre.protocol = Be16(inner.v6 ? kEtherTypeIpv6 : kEtherTypeIpv4);
    return;
  }
  if (backend.forward != ForwardMode::kGue) return;
  auto& udp = *reinterpret_cast<UdpHeader*>(to);
  const bool has_header = backend.gue_variant == 0;
  udp.src_port = Be16(SourcePortSlice(flow_hash));
  udp.dst_port = Be16(backend.gue_port);
  udp.length = Be16(static_cast<uint16_t>(sizeof(UdpHeader) + (has_header ? sizeof(GueHeader) : 0) +
                                          inner_length));
  udp.checksum = Be16(0);
  if (!has_header) return;
  auto& gue = *reinterpret_cast<GueHeader*>(to + sizeof(UdpHeader));
  gue.variant_length = 0;
  gue.protocol = inner.v6 ? kProtoIpv6 : kProtoIpip;
  gue.flags = Be16(0);
}

// Puts the outer headers in front. False: the packet was dropped.
bool Wrap(StageContext& context, LbLcore& lcore, BackendId id, const BackendEntry& backend,
          PacketMeta& meta, rte_mbuf*& m) {
  const uint16_t inner_length = meta.l3_length;
  if (inner_length + uint32_t{backend.overhead} > 0xffff) {
    context.Drop(m, DropReason::kMtuExceeded);
    return false;
  }
  const Inner inner = ReadInner(meta, m);
  TrimTo(m, uint32_t{meta.l3_offset} + meta.l3_length);  // padding must not count as payload
  if (!MakeRoom(m, meta.l3_offset, static_cast<uint16_t>(kEthernet + backend.overhead),
                context.pool())) {
    context.Drop(m, DropReason::kNoMemory);
    return false;
  }
  uint8_t* const outer = HeaderAt<uint8_t>(m, kEthernet);
  const uint8_t protocol = OuterProtocol(backend, inner);
  meta.l3_offset = kEthernet;
  meta.l4_offset = static_cast<uint16_t>(kEthernet + backend.outer_length);
  meta.l3_length = static_cast<uint16_t>(inner_length + backend.overhead);
  meta.overhead = backend.overhead;
  meta.path_mtu = backend.mtu;
  if (__builtin_expect(lcore.path_mtus->any(), 0)) {
    const uint16_t told = lcore.path_mtus->Get(id, lcore.clock.Tick(context.now()));
    if (told != 0 && (backend.mtu == 0 || told < backend.mtu)) meta.path_mtu = told;
  }
  meta.protocol = protocol;
  meta.flags &= static_cast<uint16_t>(~(kL4Valid | kIpOptions | kRouterAlert | kIpv6));
  meta.flags |= kOriginated;
  if (backend.may_cut) meta.flags |= kMayCut;
  if (backend.v6) {
    meta.flags |= kIpv6;
    WriteOuterIpv6(backend, inner.traffic_class, protocol,
                   static_cast<uint16_t>(meta.l3_length - sizeof(Ipv6Header)),
                   FlowLabelSlice(meta.flow_hash), outer);
  } else {
    WriteOuterIpv4(backend, inner.traffic_class, OuterMayFragment(backend, inner), protocol,
                   meta.l3_length, lcore.next_ip_id, outer);
  }
  WriteShim(backend, inner, inner_length, meta.flow_hash, outer + backend.outer_length);
  return true;
}

bool IsDead(const PacketMeta& meta, rte_mbuf* m) {
  return ((meta.flags & kIpv6) != 0 ? HeaderAt<Ipv6Header>(m, meta.l3_offset)->hop_limit
                                    : HeaderAt<Ipv4Header>(m, meta.l3_offset)->ttl) == 0;
}

}  // namespace

[[gnu::noinline]] void WatchHandshake(LbLcore& lcore, const PacketMeta& meta, rte_mbuf* m,
                                      uint64_t now) {
  if (meta.protocol != kProtoTcp || (meta.flags & kL4Valid) == 0) return;
  lcore.handshakes.See(meta.flow_hash, HeaderAt<TcpHeader>(m, meta.l4_offset)->flags,
                       BackendId(meta.backend), now);
}

void Encap(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
           const IndexList& in, IndexList& route) {
  for (const unsigned i : in) {
    __builtin_prefetch(&table.backends[burst.meta[i].backend]);
  }
  for (const unsigned i : in) {
    PacketMeta& meta = burst.meta[i];
    const BackendId id(meta.backend);
    const BackendEntry& backend = table.Backend(id);
    const uint16_t inner_length = meta.l3_length;
    if (__builtin_expect(HandshakeWatch::Watches(meta.flow_hash), 0)) {
      WatchHandshake(lcore, meta, burst.pkt[i], context.now());
    }
    if (__builtin_expect((meta.flags & (kFragment | kLaterFragment)) == kFragment, 0)) {
      NoteFirstFragment(context, lcore, meta, burst.pkt[i]);
    }
    if (__builtin_expect(backend.mss != 0, 0) && meta.protocol == kProtoTcp &&
        (meta.flags & kLaterFragment) == 0) {
      ClampMss(burst.pkt[i], meta, backend.mss);
    }
    if (backend.outer_length != 0) [[likely]] {
      if (!Wrap(context, lcore, id, backend, meta, burst.pkt[i])) continue;
    } else if (backend.forward == ForwardMode::kL3dsr) {
      if (IsDead(meta, burst.pkt[i])) {
        context.Drop(burst.pkt[i], DropReason::kTtlExpired);
        continue;
      }
      Readdress(burst.pkt[i], meta, backend);
      meta.flags |= kOriginated;
    } else {
      meta.flags |= kOriginated | kOnLinkOnly;
    }
    meta.lookup = backend.address;
    meta.lookup_v6 = backend.v6;

    FlowCounters& of_service = lcore.counters.service(ServiceId(meta.service));
    of_service.packets.Add(1);
    of_service.bytes.Add(inner_length);
    FlowCounters& of_backend = lcore.counters.backend(id);
    of_backend.packets.Add(1);
    of_backend.bytes.Add(inner_length);
    route.Add(i);
  }
}

}  // namespace flyover::lb
