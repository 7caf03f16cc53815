#include <optional>

#include "common/datapath/normalize.h"
#include "common/net/headers.h"
#include "router/datapath/ip_input.h"
#include "router/datapath/l4_input.h"

namespace flyover::router {
namespace {

// A chain longer than this is forwarded, hashed by its addresses (RFC 8504 5.3 allows a limit).
constexpr unsigned kMaxExtensionHeaders = 8;

bool IsUnspecified(const uint8_t* a) {
  return (LoadUnaligned<uint64_t>(a) | LoadUnaligned<uint64_t>(a + 8)) == 0;
}
bool IsLoopback(const uint8_t* a) {
  return LoadUnaligned<uint64_t>(a) == 0 && LoadBe32(a + 8) == 0 && LoadBe32(a + 12) == 1;
}
// ::ffff:0:0/96 stands for IPv4 inside a host, never on the wire (RFC 6890 2.2.3).
bool IsMappedIpv4(const uint8_t* a) {
  return LoadUnaligned<uint64_t>(a) == 0 && LoadBe32(a + 8) == 0xffff;
}
bool IsMulticast(const uint8_t* a) { return a[0] == 0xff; }
// Link-local scope (RFC 4291 2.7): the groups that a router itself is in.
bool IsLinkLocalGroup(const uint8_t* a) { return a[0] == 0xff && (a[1] & 0x0f) == 2; }
bool IsLinkLocal(const uint8_t* a) { return a[0] == 0xfe && (a[1] & 0xc0) == 0x80; }

// RFC 8200 3 and RFC 4291 2.5.2, 2.5.3, 2.7. REQUIRES: `available` bytes behind `ip` are readable
// up to kContiguous.
std::optional<DropReason> CheckHeader(const Ipv6Header& ip, uint32_t available, PacketMeta& meta) {
  if (available < sizeof(Ipv6Header)) return DropReason::kIpv6Truncated;
  if ((ip.version_class_flow.host() >> 28) != 6) return DropReason::kIpv6BadVersion;
  const uint32_t length = sizeof(Ipv6Header) + ip.payload_length.host();
  // The second half refuses 65,536 and more: l3_length has 16 bits and no link of ours carries it.
  if (length > available || length > UINT16_MAX) return DropReason::kIpv6BadLength;
  meta.l3_length = static_cast<uint16_t>(length);
  if (IsMulticast(ip.src) || IsLoopback(ip.src) || IsMappedIpv4(ip.src)) {
    return DropReason::kMartianSource;
  }
  // The unspecified address is a source only of neighbour discovery and DHCPv6 on the link.
  if (IsUnspecified(ip.src) && !IsMulticast(ip.dst)) return DropReason::kMartianSource;
  if (IsLoopback(ip.dst) || IsUnspecified(ip.dst) || IsMappedIpv4(ip.dst)) {
    return DropReason::kMartianDestination;
  }
  return std::nullopt;
}

// RFC 8200 4: finds the upper-layer protocol. False when a header ends beyond the packet. A chain
// that is too long or leaves the contiguous bytes ends the walk early: such a packet has no
// readable L4.
bool WalkExtensions(const rte_mbuf* m, const Ipv6Header& ip, PacketMeta& meta) {
  const unsigned end = meta.l3_offset + meta.l3_length;
  unsigned at = meta.l3_offset + static_cast<unsigned>(sizeof(Ipv6Header));
  uint8_t next = ip.next_header;
  for (unsigned n = 0; n < kMaxExtensionHeaders; ++n) {
    unsigned length;
    switch (next) {
      case kProtoHopByHop:
      case kProtoRouting:
      case kProtoDestOptions:
      case kProtoAh:
      case kProtoFragment:
        if (at + 8 > end) return false;
        if (at + 8 > m->data_len) break;
        length = rte_pktmbuf_mtod_offset(m, const uint8_t*, at)[1];
        length = next == kProtoFragment ? 8
                 : next == kProtoAh     ? (length + 2) * 4
                                        : (length + 1) * 8;
        if (at + length > end) return false;
        if (next == kProtoFragment) {
          const auto* fragment = rte_pktmbuf_mtod_offset(m, const Ipv6FragmentHeader*, at);
          const uint16_t offset_more = fragment->offset_more.host();
          // An atomic fragment is a whole packet (RFC 6946).
          if ((offset_more & 0xfff9) != 0) meta.flags |= kFragment;
          if ((offset_more & 0xfff8) != 0) meta.flags |= kLaterFragment;
        } else if (next == kProtoHopByHop) {
          meta.flags |= kIpOptions;
        } else if (next == kProtoRouting) {
          const auto* routing = rte_pktmbuf_mtod_offset(m, const uint8_t*, at);
          if (routing[2] == 0 && routing[3] != 0) meta.flags |= kRoutingHeader0;
        }
        next = rte_pktmbuf_mtod_offset(m, const uint8_t*, at)[0];
        at += length;
        // What follows the header of a later fragment is data, not a header.
        if ((meta.flags & kLaterFragment) != 0) break;
        continue;
      default:
        break;
    }
    break;
  }
  meta.protocol = next;
  meta.l4_offset = static_cast<uint16_t>(at);
  return true;
}

// Multicast is not forwarded; what the kernel's own protocols need goes up.
void TakeMulticast(StageContext& ctx, rte_mbuf* m, const PacketMeta& meta) {
  if (IsDhcp(m, meta)) return ctx.Punt(m, PuntReason::kDhcp);
  if (meta.protocol == kProtoIcmpv6 && (meta.flags & kL4Valid) != 0) {
    constexpr uint8_t kMldQuery = 130, kMldDone = 132, kMld2Report = 143;
    const uint8_t type = *HeaderAt<uint8_t>(m, meta.l4_offset);
    if (type >= kIcmpv6RouterSolicit && type <= kIcmpv6NeighborAdvert) {
      return ctx.Punt(m, PuntReason::kNeighborDiscovery);
    }
    if ((type >= kMldQuery && type <= kMldDone) || type == kMld2Report) {
      return ctx.Punt(m, PuntReason::kControlMulticast);
    }
    // RFC 4443 4.2: an echo request to a group of ours is answered.
    const auto* ip = HeaderAt<Ipv6Header>(m, meta.l3_offset);
    if (type == kIcmpv6Echo && IsLinkLocalGroup(ip->dst)) return ctx.Punt(m, PuntReason::kLocal);
  }
  if (IsControlMulticast(m, meta)) return ctx.Punt(m, PuntReason::kControlMulticast);
  ctx.Drop(m, DropReason::kMulticast);
}

}  // namespace

void Ipv6Input(StageContext& ctx, const HashKey& key, Burst& burst, const IndexList& in,
               IndexList& valid) {
  for (const uint8_t i : in) {
    rte_mbuf* const m = burst.pkt[i];
    PacketMeta& meta = burst.meta[i];
    meta.flags |= kIpv6;
    const auto* ip = HeaderAt<Ipv6Header>(m, meta.l3_offset);
    if (const auto reason = CheckHeader(*ip, m->pkt_len - meta.l3_offset, meta)) {
      ctx.Drop(m, *reason);
      continue;
    }
    TrimTo(m, meta.l3_offset + meta.l3_length);
    if (!WalkExtensions(m, *ip, meta)) {
      ctx.Drop(m, DropReason::kIpv6BadExtension);
      continue;
    }
    CheckL4(m, meta);
    meta.flow_hash = HashIpv6Flow(key, ip->src, FlowPorts(m, meta), meta.protocol);
    std::memcpy(meta.lookup.data(), ip->dst, 16);
    meta.lookup_v6 = true;
    if (IsMulticast(ip->dst)) {
      TakeMulticast(ctx, m, meta);
      continue;
    }
    if ((meta.flags & kL2Group) != 0) {
      ctx.Drop(m, DropReason::kL2BroadcastUnicastIp);
      continue;
    }
    if (IsLinkLocal(ip->src)) meta.flags |= kLinkLocalSource;
    valid.Add(i);
  }
}

}  // namespace flyover::router
