#include "router/datapath/icmp_error.h"

#include <algorithm>
#include <cstring>

#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::router {
namespace {

constexpr uint16_t kEthernet = sizeof(EthernetHeader);
constexpr uint16_t kMaxIpv4Error = 576;         // RFC 1812 4.3.2.3
constexpr uint16_t kMaxIpv6Error = 1280;        // RFC 4443 2.4 (c)
constexpr uint8_t kInternetworkControl = 0xc0;  // RFC 1812 4.3.2.5
constexpr uint8_t kErrorTtl = 64;

struct TypeCode {
  uint8_t type;
  uint8_t code;
};

TypeCode Ipv4Code(IcmpErrorKind kind) {
  switch (kind) {
    case IcmpErrorKind::kNoRoute:
      return {kIcmpUnreachable, kIcmpNetUnreachable};
    case IcmpErrorKind::kProhibited:
      return {kIcmpUnreachable, kIcmpAdminProhibited};
    case IcmpErrorKind::kTimeExceeded:
      return {kIcmpTimeExceeded, 0};
    case IcmpErrorKind::kTooBig:
      return {kIcmpUnreachable, kIcmpFragmentationNeeded};
    case IcmpErrorKind::kHostUnreachable:
    case IcmpErrorKind::kRoutingHeader:  // IPv6 only
      break;
  }
  return {kIcmpUnreachable, kIcmpHostUnreachable};
}

TypeCode Ipv6Code(IcmpErrorKind kind) {
  switch (kind) {
    case IcmpErrorKind::kNoRoute:
      return {kIcmpv6Unreachable, kIcmpv6NoRoute};
    case IcmpErrorKind::kProhibited:
      return {kIcmpv6Unreachable, kIcmpv6AdminProhibited};
    case IcmpErrorKind::kTimeExceeded:
      return {kIcmpv6TimeExceeded, 0};
    case IcmpErrorKind::kTooBig:
      return {kIcmpv6PacketTooBig, 0};
    case IcmpErrorKind::kRoutingHeader:
      return {kIcmpv6ParameterProblem, 0};
    case IcmpErrorKind::kHostUnreachable:
      break;
  }
  return {kIcmpv6Unreachable, kIcmpv6AddressUnreachable};
}

IcmpErrorType TypeOf(IcmpErrorKind kind) {
  switch (kind) {
    case IcmpErrorKind::kTimeExceeded:
      return IcmpErrorType::kTimeExceeded;
    case IcmpErrorKind::kTooBig:
      return IcmpErrorType::kTooBig;
    default:
      return IcmpErrorType::kUnreachable;
  }
}

// RFC 1812 4.3.2.7, RFC 4443 2.4 (e): never about an ICMP error, a later fragment, or a link-layer
// group. (Bad sources and group destinations do not get this far.) Nor to a link-local source: the
// FIB knows no way to it. Our own packets (errors, a VIP's echo replies) get no errors either; a
// packet that the balancer sends on answers to its client, what a tunnel carries to its sender.
bool MayAnswer(const PacketMeta& meta) {
  constexpr uint16_t kNever = kIcmpError | kLaterFragment | kL2Group | kLinkLocalSource;
  if ((meta.flags & kNever) != 0) return false;
  const bool balanced = meta.overhead != 0 || (meta.flags & kOnLinkOnly) != 0;
  if ((meta.flags & kOriginated) != 0 && !balanced) return false;
  return meta.in_port != kNoPort;
}

// The port that a packet to `dst` would leave by; kNoPort when it would not.
PortIndex EgressPort(const RouterLcore& router, VrfIndex vrf, const IpAddress& dst) {
  const GroupWord group = router.tables->groups.Load(router.tables->vrf(vrf).Lookup(dst));
  switch (group.action()) {
    case NexthopAction::kForward:
      return router.tables->adjacencies.Get(group.Pick(0)).port;
    case NexthopAction::kGlean:
      return group.port();
    default:
      return kNoPort;
  }
}

// RFC 1812 4.3.2.4: the address of the interface the error leaves by; where it has none, of the one
// the packet came in by, then of any port. The document may prefer the second, or a fixed address.
template <typename Address>
std::optional<Address> SourceAddress(const RouterLcore& router, PortIndex in_port,
                                     const IpAddress& dst, const std::optional<Address>& fixed,
                                     std::optional<Address> PortEntry::*member) {
  if (fixed) return fixed;
  const PortTable& ports = *router.ports->Load();
  std::array<PortIndex, 2> order = {EgressPort(router, ports[in_port].vrf, dst), in_port};
  if (router.icmp_source.incoming) std::swap(order[0], order[1]);
  for (const PortIndex port : order) {
    if (port != kNoPort && ports[port].*member) return ports[port].*member;
  }
  for (const PortEntry& entry : ports.ports) {
    if (entry.present && entry.vrf == ports[in_port].vrf && entry.*member) return entry.*member;
  }
  return std::nullopt;
}

// Copies `length` bytes of the offending packet, from its IP header on. REQUIRES: they are in the
// packet.
void Quote(const rte_mbuf* m, unsigned offset, void* to, uint16_t length) {
  const void* const bytes = rte_pktmbuf_read(m, offset, length, to);
  if (bytes != to) std::memcpy(to, bytes, length);
}

struct Offender {
  const rte_mbuf* m;
  unsigned offset;  // of the IP header to quote (behind the balancer's outer header, if any)
  uint16_t length;  // L3 bytes
  bool balanced;    // answered from the VIP
};

uint16_t BuildIpv4(const Offender& offender, Ipv4Address src, uint16_t id, TypeCode what,
                   uint16_t rest, Ipv4Header* ip) {
  const auto quoted =
      std::min<uint16_t>(offender.length, kMaxIpv4Error - sizeof(Ipv4Header) - sizeof(IcmpHeader));
  auto* icmp = reinterpret_cast<IcmpHeader*>(ip + 1);
  Quote(offender.m, offender.offset, icmp + 1, quoted);
  const auto* inner = reinterpret_cast<const Ipv4Header*>(icmp + 1);
  *icmp = {.type = what.type, .code = what.code, .checksum = {}, .rest = Be32(rest)};
  const auto icmp_length = static_cast<uint16_t>(sizeof(IcmpHeader) + quoted);
  icmp->checksum = Checksum(icmp, icmp_length);
  const auto total = static_cast<uint16_t>(sizeof(Ipv4Header) + icmp_length);
  *ip = {.version_ihl = 0x45,
         .tos = kInternetworkControl,
         .total_length = Be16(total),
         .id = Be16(id),
         .fragment = Be16(0),
         .ttl = kErrorTtl,
         .protocol = kProtoIcmp,
         .checksum = {},
         .src = Be32(src.value),
         .dst = inner->src};
  ip->checksum = Checksum(ip, sizeof(Ipv4Header));
  return total;
}

uint16_t BuildIpv6(const Offender& offender, const Ipv6Address& src, TypeCode what, uint16_t rest,
                   Ipv6Header* ip) {
  const auto quoted =
      std::min<uint16_t>(offender.length, kMaxIpv6Error - sizeof(Ipv6Header) - sizeof(IcmpHeader));
  auto* icmp = reinterpret_cast<IcmpHeader*>(ip + 1);
  Quote(offender.m, offender.offset, icmp + 1, quoted);
  const auto* inner = reinterpret_cast<const Ipv6Header*>(icmp + 1);
  const auto icmp_length = static_cast<uint16_t>(sizeof(IcmpHeader) + quoted);
  ip->version_class_flow = Be32(0x60000000);
  ip->payload_length = Be16(icmp_length);
  ip->next_header = kProtoIcmpv6;
  ip->hop_limit = kErrorTtl;
  std::memcpy(ip->src, src.bytes.data(), 16);
  std::memcpy(ip->dst, inner->src, 16);
  *icmp = {.type = what.type, .code = what.code, .checksum = {}, .rest = Be32(rest)};
  ChecksumAccumulator sum;
  AddPseudoHeader(sum, *ip, kProtoIcmpv6, icmp_length);
  sum.Add(icmp, icmp_length);
  icmp->checksum = sum.Finish();
  return static_cast<uint16_t>(sizeof(Ipv6Header) + icmp_length);
}

}  // namespace

void SendIcmpError(StageContext& ctx, RouterLcore& router, const Burst& burst, unsigned i,
                   IcmpErrorKind kind, uint16_t rest, Burst& answers) {
  const PacketMeta& meta = burst.meta[i];
  if (!MayAnswer(meta) || answers.size == kMaxBurst) return;
  const Offender offender = {
      .m = burst.pkt[i],
      .offset = static_cast<unsigned>(meta.l3_offset + meta.overhead),
      .length = static_cast<uint16_t>(meta.l3_length - meta.overhead),
      .balanced = meta.overhead != 0 && (meta.flags & kTunnelled) == 0,
  };
  // The quoted packet's own family: the balancer may have put it into an outer header of the other
  // one.
  uint8_t first;
  Quote(offender.m, offender.offset, &first, 1);
  const bool ipv6 = (first >> 4) == 6;

  std::array<uint8_t, sizeof(Ipv6Header)> header;
  Quote(offender.m, offender.offset, header.data(), ipv6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header));
  IpAddress client;
  std::optional<IpAddress> src;
  if (ipv6) {
    const auto* ip = reinterpret_cast<const Ipv6Header*>(header.data());
    client = Ipv6Address::FromBytes(ip->src);
    // A service answers from its VIP: the client knows no other address of it.
    if (offender.balanced) {
      src = Ipv6Address::FromBytes(ip->dst);
    } else if (const auto own = SourceAddress(router, meta.in_port, client, router.icmp_source.ipv6,
                                              &PortEntry::ipv6)) {
      src = *own;
    }
  } else {
    const auto* ip = reinterpret_cast<const Ipv4Header*>(header.data());
    client = Ipv4Address{ip->src.host()};
    if (offender.balanced) {
      src = Ipv4Address{ip->dst.host()};
    } else if (const auto own = SourceAddress(router, meta.in_port, client, router.icmp_source.ipv4,
                                              &PortEntry::ipv4)) {
      src = *own;
    }
  }
  // RFC 4443 2.4 (e.6) and RFC 1812 4.3.2.7: no answer to a source that is not one host.
  if (!src || client == IpAddress(Ipv6Address{}) || client == IpAddress(Ipv4Address{})) return;
  if (!router.icmp_errors.Take(TypeOf(kind), client, ctx.now())) return;

  rte_mbuf* const m = ctx.Generate();
  if (m == nullptr) return;
  auto* const l3 = rte_pktmbuf_mtod_offset(m, uint8_t*, kEthernet);
  const uint16_t length =
      ipv6 ? BuildIpv6(offender, src->v6(), Ipv6Code(kind), rest, reinterpret_cast<Ipv6Header*>(l3))
           : BuildIpv4(offender, src->v4(), router.icmp_id++, Ipv4Code(kind), rest,
                       reinterpret_cast<Ipv4Header*>(l3));
  m->data_len = static_cast<uint16_t>(kEthernet + length);
  m->pkt_len = m->data_len;

  const uint16_t n = answers.size++;
  answers.pkt[n] = m;
  PacketMeta& out = answers.meta[n];
  out = {};
  out.flow_hash = meta.flow_hash;
  out.lookup = client.bytes();
  out.lookup_v6 = ipv6;
  out.flags = static_cast<uint16_t>(kOriginated | kIcmpError | kL4Valid | (ipv6 ? kIpv6 : 0));
  out.l3_offset = kEthernet;
  out.l4_offset =
      static_cast<uint16_t>(kEthernet + (ipv6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header)));
  out.l3_length = length;
  out.protocol = ipv6 ? kProtoIcmpv6 : kProtoIcmp;
  out.source = kGeneratedSource;
  out.in_port = kNoPort;
  // Where the sender is, even if the packet had leaked into another VRF.
  out.vrf = (*router.ports->Load())[meta.in_port].vrf;
}

}  // namespace flyover::router
