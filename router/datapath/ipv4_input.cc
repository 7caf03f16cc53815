#include <optional>

#include "common/datapath/normalize.h"
#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "router/datapath/ip_input.h"
#include "router/datapath/l4_input.h"

namespace flyover::router {
namespace {

constexpr uint32_t kLimitedBroadcast = 0xffffffff;

constexpr bool InBlock(uint32_t address, unsigned first_octet) {
  return (address >> 24) == first_octet;
}
constexpr bool IsClassE(uint32_t address) { return (address >> 28) == 0xf; }
constexpr bool IsMulticast(uint32_t address) { return (address >> 28) == 0xe; }
enum Ipv4Option : uint8_t {
  kEndOfOptions = 0,
  kNoOperation = 1,
  kLooseSourceRoute = 131,
  kStrictSourceRoute = 137,
  kRouterAlertOption = 148,
};

// RFC 791 3.1: walks the options. Source routes are refused (RFC 7126 4.3, 4.4), all others pass
// unread.
std::optional<DropReason> CheckOptions(const uint8_t* option, const uint8_t* end, uint16_t& flags) {
  flags |= kIpOptions;
  while (option < end && *option != kEndOfOptions) {
    if (*option == kNoOperation) {
      ++option;
      continue;
    }
    if (end - option < 2 || option[1] < 2 || option[1] > end - option) {
      return DropReason::kIpv4BadOption;
    }
    if (*option == kLooseSourceRoute || *option == kStrictSourceRoute) {
      return DropReason::kIpv4SourceRoute;
    }
    if (*option == kRouterAlertOption) flags |= kRouterAlert;
    option += option[1];
  }
  return std::nullopt;
}

// The clauses in order; nullopt: the header can be trusted. REQUIRES: `available` bytes behind `ip`
// are readable up to kContiguous.
std::optional<DropReason> CheckHeader(const Ipv4Header& ip, uint32_t available, PacketMeta& meta) {
  // RFC 1812 5.2.2 (1): the link layer length holds the minimum legal IP datagram.
  if (available < sizeof(Ipv4Header)) return DropReason::kIpv4Truncated;
  // (3) before (2): which bytes the checksum covers depends on the header length.
  if ((ip.version_ihl >> 4) != 4) return DropReason::kIpv4BadVersion;
  // (4) the header length holds the minimum legal header.
  const unsigned header_length = ip.header_length();
  if (header_length < sizeof(Ipv4Header) || header_length > available) {
    return DropReason::kIpv4BadIhl;
  }
  // (2) the checksum is right.
  if (!Ipv4ChecksumOk(ip)) return DropReason::kIpv4BadChecksum;
  // (5) the total length holds the header, and the link layer delivered all of it.
  const uint16_t total = ip.total_length.host();
  if (total < header_length || total > available) return DropReason::kIpv4BadLength;

  const uint16_t fragment = ip.fragment.host();
  const uint16_t offset = fragment & kIpv4OffsetMask;
  if ((fragment & (kIpv4MoreFragments | kIpv4OffsetMask)) != 0) meta.flags |= kFragment;
  if (offset != 0) meta.flags |= kLaterFragment;
  if (offset * 8u + total - header_length > 65'535u - header_length) {
    return DropReason::kFragmentTooLong;
  }
  // RFC 1812 5.3.7: addresses that must not appear.
  const uint32_t src = ip.src.host();
  const uint32_t dst = ip.dst.host();
  const bool dhcp_client = src == 0 && dst == kLimitedBroadcast;
  if (IsMulticast(src) || IsClassE(src) || InBlock(src, 127) ||
      (InBlock(src, 0) && !dhcp_client && !IsMulticast(dst))) {
    return DropReason::kMartianSource;
  }
  if (InBlock(dst, 127) || InBlock(dst, 0) || (IsClassE(dst) && dst != kLimitedBroadcast)) {
    return DropReason::kMartianDestination;
  }
  meta.l3_length = total;
  if (header_length > sizeof(Ipv4Header)) {
    const auto* options = reinterpret_cast<const uint8_t*>(&ip + 1);
    return CheckOptions(options, reinterpret_cast<const uint8_t*>(&ip) + header_length, meta.flags);
  }
  return std::nullopt;
}

// Multicast (RFC 1112) and the limited broadcast are never forwarded; control protocols go to the
// kernel.
void TakeGroupPacket(StageContext& ctx, rte_mbuf* m, const PacketMeta& meta, uint32_t dst) {
  if (IsDhcp(m, meta)) return ctx.Punt(m, PuntReason::kDhcp);
  if (dst == kLimitedBroadcast) return ctx.Drop(m, DropReason::kIpBroadcast);
  if (IsControlMulticast(m, meta)) return ctx.Punt(m, PuntReason::kControlMulticast);
  ctx.Drop(m, DropReason::kMulticast);
}

}  // namespace

void Ipv4Input(StageContext& ctx, const HashKey& key, Burst& burst, const IndexList& in,
               IndexList& valid) {
  for (const uint8_t i : in) {
    rte_mbuf* const m = burst.pkt[i];
    PacketMeta& meta = burst.meta[i];
    const uint32_t available = m->pkt_len - meta.l3_offset;
    const auto* ip = HeaderAt<Ipv4Header>(m, meta.l3_offset);
    if (const auto reason = CheckHeader(*ip, available, meta)) {
      ctx.Drop(m, *reason);
      continue;
    }
    TrimTo(m, meta.l3_offset + meta.l3_length);
    meta.protocol = ip->protocol;
    meta.l4_offset = static_cast<uint16_t>(meta.l3_offset + ip->header_length());
    CheckL4(m, meta);
    const uint32_t dst = ip->dst.host();
    meta.flow_hash = HashIpv4Flow(key, ip->src.host(), dst, FlowPorts(m, meta), meta.protocol);
    StoreUnaligned(meta.lookup.data(), ip->dst.raw());
    meta.lookup_v6 = false;
    if (IsMulticast(dst) || dst == kLimitedBroadcast) {
      TakeGroupPacket(ctx, m, meta, dst);
      continue;
    }
    if (IsDhcpReply(m, meta)) {
      ctx.Punt(m, PuntReason::kDhcp);
      continue;
    }
    // RFC 1812 5.3.4: a unicast packet in a link-layer broadcast is discarded.
    if ((meta.flags & kL2Group) != 0) {
      ctx.Drop(m, DropReason::kL2BroadcastUnicastIp);
      continue;
    }
    valid.Add(i);
  }
}

}  // namespace flyover::router
