#include "lb/datapath/vip_fragment.h"

#include "common/net/headers.h"

namespace flyover::lb {
namespace {

uint32_t TickOf(const StageContext& context) {
  return FragmentTable::Tick(context.now(), context.tsc_hz());
}

// As ip_input computes it for whole packets of the flow.
uint64_t WholeFlowHash(const HashKey& key, rte_mbuf* m, const PacketMeta& meta) {
  const auto ports = LoadUnaligned<uint32_t>(HeaderAt<uint8_t>(m, meta.l4_offset));
  if ((meta.flags & kIpv6) != 0) {
    return HashIpv6Flow(key, HeaderAt<Ipv6Header>(m, meta.l3_offset)->src, ports, meta.protocol);
  }
  const auto* const ip = HeaderAt<Ipv4Header>(m, meta.l3_offset);
  return HashIpv4Flow(key, ip->src.host(), ip->dst.host(), ports, meta.protocol);
}

FragmentVerdict FollowLater(StageContext& context, LbLcore& lcore, const ServiceTable& table,
                            rte_mbuf* m, PacketMeta& meta) {
  const uint64_t key = FragmentKey(lcore.flow_key, m, meta);
  const uint32_t tick = TickOf(context);
  const auto target = lcore.fragments->FindAnywhere(lcore.other_fragments, key, tick);
  if (!target) {
    rte_mbuf* const displaced = lcore.fragments->Hold(m, meta, key, tick);
    if (displaced != nullptr) context.Drop(displaced, DropReason::kVipFragment);
    return FragmentVerdict::kTaken;
  }
  const BackendEntry& backend = table.Backend(target->backend);
  if (backend.service != target->service || backend.state == BackendState::kAbsent) {
    context.Drop(m, DropReason::kVipFragment);
    return FragmentVerdict::kTaken;
  }
  meta.service = target->service.value();
  meta.backend = target->backend.value();
  return FragmentVerdict::kBalance;
}

}  // namespace

FragmentVerdict FollowFragment(StageContext& context, LbLcore& lcore, const ServiceTable& table,
                               Burst& burst, unsigned i, VipIndex::VipId vip) {
  rte_mbuf* const m = burst.pkt[i];
  PacketMeta& meta = burst.meta[i];
  const bool has_ports = meta.protocol == kProtoTcp || meta.protocol == kProtoUdp;
  if (has_ports && (meta.flags & kLaterFragment) != 0) {
    return FollowLater(context, lcore, table, m, meta);
  }
  if (!has_ports || (meta.flags & kL4Valid) == 0) {
    context.Drop(m, DropReason::kVipFragment);
    return FragmentVerdict::kTaken;
  }
  const uint16_t port = LoadBe16(HeaderAt<uint8_t>(m, meta.l4_offset) + 2);
  const ServiceId service = table.vips.FindService(vip, meta.protocol, port);
  if (service == kNoService) return FragmentVerdict::kRoute;
  meta.service = service.value();
  meta.flow_hash = WholeFlowHash(lcore.flow_key, m, meta);
  return FragmentVerdict::kBalance;
}

void NoteFirstFragment(StageContext& context, LbLcore& lcore, const PacketMeta& meta, rte_mbuf* m) {
  lcore.fragments->Learn(FragmentKey(lcore.flow_key, m, meta),
                         {ServiceId(meta.service), BackendId(meta.backend)}, TickOf(context));
}

void ResumeFragments(StageContext& context, LbLcore& lcore, Burst& ready) {
  Burst late;
  lcore.fragments->Release(lcore.other_fragments, TickOf(context), ready, late);
  for (uint16_t i = 0; i < late.size; ++i) context.Drop(late.pkt[i], DropReason::kVipFragment);
}

}  // namespace flyover::lb
