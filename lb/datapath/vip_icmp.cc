#include "lb/datapath/vip_icmp.h"

#include <algorithm>
#include <cstring>

#include "common/datapath/normalize.h"
#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "lb/datapath/flow_choice.h"
#include "lb/datapath/icmp_check.h"
#include "lb/datapath/icmp_quote.h"

namespace flyover::lb {
namespace {

constexpr uint8_t kReplyTtl = 64;

void SetType(IcmpHeader& icmp, uint8_t type) {
  const auto before = LoadUnaligned<uint16_t>(&icmp);
  icmp.type = type;
  icmp.checksum = UpdateChecksum(icmp.checksum, before, LoadUnaligned<uint16_t>(&icmp));
}

// Moves the IP header next to the ICMP header, over the options or extension headers between them.
// The data then begins that much later, so that l3_offset stays.
template <typename Header>
Header& DropOptions(PacketMeta& meta, rte_mbuf* m) {
  const auto options = static_cast<uint16_t>(meta.l4_offset - meta.l3_offset - sizeof(Header));
  if (options != 0) {
    auto* const ip = HeaderAt<uint8_t>(m, meta.l3_offset);
    std::memmove(ip + options, ip, sizeof(Header));
    rte_pktmbuf_adj(m, options);
    meta.l4_offset = static_cast<uint16_t>(meta.l4_offset - options);
    meta.l3_length = static_cast<uint16_t>(meta.l3_length - options);
    meta.flags &= static_cast<uint16_t>(~(kIpOptions | kRouterAlert));
  }
  return *HeaderAt<Header>(m, meta.l3_offset);
}

void AnswerIpv4(LbLcore& lcore, PacketMeta& meta, rte_mbuf* m) {
  auto& ip = DropOptions<Ipv4Header>(meta, m);
  std::swap(ip.src, ip.dst);
  ip.version_ihl = 0x45;
  ip.total_length = Be16(meta.l3_length);
  ip.id = Be16(lcore.next_ip_id++);
  ip.fragment = Be16(0);
  ip.ttl = kReplyTtl;
  ip.checksum = Be16(0);
  ip.checksum = Checksum(&ip, sizeof(ip));
  meta.lookup.fill(0);
  std::memcpy(meta.lookup.data(), &ip.dst, 4);
}

void AnswerIpv6(PacketMeta& meta, rte_mbuf* m) {
  auto& ip = DropOptions<Ipv6Header>(meta, m);
  std::swap_ranges(ip.src, ip.src + 16, ip.dst);
  ip.payload_length = Be16(static_cast<uint16_t>(meta.l3_length - sizeof(ip)));
  ip.next_header = kProtoIcmpv6;
  ip.hop_limit = kReplyTtl;
  std::memcpy(meta.lookup.data(), ip.dst, 16);
}

VipIcmpVerdict AnswerEcho(LbLcore& lcore, PacketMeta& meta, rte_mbuf* m) {
  const bool v6 = (meta.flags & kIpv6) != 0;
  TrimTo(m, uint32_t{meta.l3_offset} + meta.l3_length);  // Ethernet padding is not ours to return
  auto& icmp = *HeaderAt<IcmpHeader>(m, meta.l4_offset);
  if (v6) {
    SetType(icmp, kIcmpv6EchoReply);
    AnswerIpv6(meta, m);
  } else {
    SetType(icmp, kIcmpEchoReply);
    AnswerIpv4(lcore, meta, m);
  }
  meta.lookup_v6 = v6;
  meta.flags |= kOriginated;
  meta.flags &= static_cast<uint16_t>(~kVip);
  return VipIcmpVerdict::kRoute;
}

// The backend that the flow's own packets go to; by the tables when no lcore has an entry that
// counts.
bool FindBackend(StageContext& context, LbLcore& lcore, const ServiceTable& table,
                 ServiceId service, const QuotedFlow& flow, uint64_t flow_hash,
                 BackendId& backend) {
  const uint16_t tick = lcore.clock.Tick(context.now());
  const auto counts = [&](const ConnectionHit& hit) {
    if (!hit.found || hit.idle > table.Service(service).timeout) return false;
    const BackendEntry& candidate = table.Backend(hit.backend);
    backend = hit.backend;
    return candidate.service == service &&
           (candidate.state == BackendState::kActive || candidate.state == BackendState::kDrained);
  };
  if (counts(lcore.connections->Find(flow_hash, tick))) return true;
  for (const ConnectionTable* other : lcore.others) {
    if (counts(other->Find(flow_hash, tick))) return true;
  }
  // `affinity: packet`: nobody knows who sent it; any backend's kernel learns an MTU from it.
  const FlowFacts facts{flow_hash, flow.client.data(),
                        reinterpret_cast<const uint8_t*>(&flow.ports), flow.v6};
  const uint32_t slice = SliceOf(table.Service(service).rule, lcore.flow_key, facts);
  const auto same = [&] { return facts; };
  FlowChoice choice = ChooseBackend(table, service, slice, lcore.flow_key, same, false);
  if (choice.found && table.Backend(choice.backend).state == BackendState::kDown) {
    choice = ChooseBackend(table, service, slice, lcore.flow_key, same, true);
  }
  backend = choice.backend;
  return choice.found;
}

VipIcmpVerdict FollowFlow(StageContext& context, LbLcore& lcore, const ServiceTable& table,
                          PacketMeta& meta, rte_mbuf* m, VipIndex::VipId vip) {
  const auto drop = [&](DropReason reason) {
    context.Drop(m, reason);
    return VipIcmpVerdict::kDropped;
  };
  const bool v6 = (meta.flags & kIpv6) != 0;
  const unsigned start = meta.l4_offset + static_cast<unsigned>(sizeof(IcmpHeader));
  const unsigned end =
      std::min<unsigned>(m->data_len, static_cast<unsigned>(meta.l3_offset) + meta.l3_length);
  QuotedFlow flow;
  switch (ParseQuote(HeaderAt<uint8_t>(m, start), end - start, v6, flow)) {
    case QuoteResult::kMalformed:
      return drop(DropReason::kVipIcmpMalformed);
    case QuoteResult::kNoFlow:
      return drop(DropReason::kVipIcmpNoFlow);
    case QuoteResult::kFlow:
      break;
  }
  // The error was sent to whom the quoted packet was from: else somebody steers what is not his.
  if (table.vips.Find(flow.vip) != vip) return drop(DropReason::kVipIcmpNoFlow);
  const ServiceId service = table.vips.FindService(vip, flow.protocol, flow.vip_port);
  if (service == kNoService) return drop(DropReason::kVipIcmpNoFlow);

  const uint64_t flow_hash = flow.Hash(lcore.flow_key);
  BackendId backend;
  if (!FindBackend(context, lcore, table, service, flow, flow_hash, backend)) {
    lcore.counters.service(service).no_backend.Add(1);
    return drop(DropReason::kVipNoBackend);
  }
  meta.service = service.value();
  meta.backend = backend.value();
  meta.flow_hash = flow_hash;
  meta.flags |= kIcmpError;
  return VipIcmpVerdict::kBalance;
}

enum class Kind : uint8_t { kEcho, kError, kOther };

Kind KindOf(bool v6, uint8_t type) {
  if (v6) {
    if (type == kIcmpv6Echo) return Kind::kEcho;
    return type >= kIcmpv6Unreachable && type <= kIcmpv6ParameterProblem ? Kind::kError
                                                                         : Kind::kOther;
  }
  switch (type) {
    case kIcmpEcho:
      return Kind::kEcho;
    case kIcmpUnreachable:
    case kIcmpTimeExceeded:
    case kIcmpParameterProblem:
      return Kind::kError;
    default:
      return Kind::kOther;
  }
}

}  // namespace

VipIcmpVerdict VipIcmp(StageContext& context, LbLcore& lcore, const ServiceTable& table,
                       Burst& burst, unsigned i, VipIndex::VipId vip) {
  PacketMeta& meta = burst.meta[i];
  rte_mbuf* const m = burst.pkt[i];
  const bool v6 = (meta.flags & kIpv6) != 0;
  if (meta.protocol != (v6 ? kProtoIcmpv6 : kProtoIcmp)) return VipIcmpVerdict::kRoute;
  if ((meta.flags & kL4Valid) == 0) {
    context.Drop(m, DropReason::kVipIcmpMalformed);
    return VipIcmpVerdict::kDropped;
  }
  const Kind kind = KindOf(v6, HeaderAt<IcmpHeader>(m, meta.l4_offset)->type);
  if (kind == Kind::kOther) return VipIcmpVerdict::kRoute;
  if (!IcmpChecksumOk(meta, m)) {
    context.Drop(m, DropReason::kVipIcmpMalformed);
    return VipIcmpVerdict::kDropped;
  }
  return kind == Kind::kEcho ? AnswerEcho(lcore, meta, m)
                             : FollowFlow(context, lcore, table, meta, m, vip);
}

}  // namespace flyover::lb
