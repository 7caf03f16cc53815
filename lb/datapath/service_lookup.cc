#include "lb/datapath/service_lookup.h"

#include <cstring>

#include "common/net/headers.h"
#include "lb/datapath/l4_header.h"
#include "lb/datapath/path_mtu_learning.h"
#include "lb/datapath/vip_fragment.h"
#include "lb/datapath/vip_icmp.h"
#include "lb/datapath/vip_reject.h"

namespace flyover::lb {
namespace {

bool SourceIsDestination(const PacketMeta& meta, rte_mbuf* m) {
  if ((meta.flags & kIpv6) != 0) {
    const auto& ip = *HeaderAt<Ipv6Header>(m, meta.l3_offset);
    return std::memcmp(ip.src, ip.dst, sizeof(ip.src)) == 0;
  }
  const auto& ip = *HeaderAt<Ipv4Header>(m, meta.l3_offset);
  return ip.src == ip.dst;
}

bool HasWholeHeader(const PacketMeta& meta, rte_mbuf* m) {
  return (meta.flags & kL4Valid) != 0 &&
         HeaderIsWhole(meta.protocol, HeaderAt<uint8_t>(m, meta.l4_offset),
                       meta.l3_length - (meta.l4_offset - unsigned{meta.l3_offset}));
}

// A packet to the VIP `vip`, which is no fragment.
void ToVip(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
           unsigned i, VipIndex::VipId vip, ServiceEdges& out) {
  PacketMeta& meta = burst.meta[i];
  rte_mbuf* const m = burst.pkt[i];
  switch (meta.protocol) {
    case kProtoTcp:
    case kProtoUdp: {
      if (!HasWholeHeader(meta, m)) return context.Drop(m, DropReason::kVipTruncated);
      const uint16_t port = LoadBe16(HeaderAt<uint8_t>(m, meta.l4_offset) + 2);
      const ServiceId service = table.vips.FindService(vip, meta.protocol, port);
      if (service == kNoService) {
        if (table.reject_unknown_ports && !RejectUnknownPort(context, lcore, m, meta)) {
          return context.Drop(m, DropReason::kVipUnknownPort);
        }
        return out.route.Add(i);
      }
      meta.service = service.value();
      return out.balance.Add(i);
    }
    case kProtoIcmp:
    case kProtoIcmpv6:
      switch (VipIcmp(context, lcore, table, burst, i, vip)) {
        case VipIcmpVerdict::kDropped:
          return;
        case VipIcmpVerdict::kRoute:
          return out.route.Add(i);
        case VipIcmpVerdict::kBalance:
          return out.balance.Add(i);
      }
      return;
    default:
      return out.route.Add(i);
  }
}

void ToVipInPieces(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
                   unsigned i, VipIndex::VipId vip, ServiceEdges& out) {
  switch (FollowFragment(context, lcore, table, burst, i, vip)) {
    case FragmentVerdict::kBalance:
      return out.balance.Add(i);
    case FragmentVerdict::kRoute:
      return out.route.Add(i);
    case FragmentVerdict::kTaken:
      return;
  }
}

}  // namespace

void ServiceLookup(StageContext& context, LbLcore& lcore, const ServiceTable* table, Burst& burst,
                   const IndexList& in, ServiceEdges& out) {
  if (table == nullptr || table->vips.empty()) {
    for (const unsigned i : in) out.route.Add(i);
    return;
  }
  for (const unsigned i : in) {
    PacketMeta& meta = burst.meta[i];
    rte_mbuf* const m = burst.pkt[i];
    if (__builtin_expect(meta.vrf != kMainVrf, 0)) {
      out.route.Add(i);
      continue;
    }
    const VipIndex::VipId vip =
        (meta.flags & kIpv6) != 0
            ? table->vips.FindIpv6(HeaderAt<Ipv6Header>(m, meta.l3_offset)->dst)
            : table->vips.FindIpv4(HeaderAt<Ipv4Header>(m, meta.l3_offset)->dst.host());
    if (__builtin_expect(vip == VipIndex::kNotVip, 1)) {
      const bool icmp = meta.protocol == kProtoIcmp || meta.protocol == kProtoIcmpv6;
      if (__builtin_expect(icmp, 0) && !table->tunnel_sources.empty()) {
        LearnPathMtu(context, lcore, *table, burst, i);
      }
      out.route.Add(i);
      continue;
    }
    meta.flags |= kVip;
    if (SourceIsDestination(meta, m)) {
      context.Drop(m, DropReason::kVipLand);
    } else if ((meta.flags & kFragment) != 0) {
      ToVipInPieces(context, lcore, *table, burst, i, vip, out);
    } else if ((meta.flags & kRoutingHeader0) != 0) {
      out.route.Add(i);  // this box is not where it ends: refused there (RFC 5095)
    } else {
      ToVip(context, lcore, *table, burst, i, vip, out);
    }
  }
}

}  // namespace flyover::lb
