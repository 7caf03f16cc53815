#include "router/datapath/reverse_path.h"

#include <bit>

#include "common/net/headers.h"

namespace flyover::router {
namespace {

GroupWord GroupOf(const ForwardingTables& tables, const Fib4& fib4, const Fib6& fib6,
                  const rte_mbuf* m, const PacketMeta& meta) {
  GroupId id{0};
  if ((meta.flags & kIpv6) != 0) {
    const auto* ip = rte_pktmbuf_mtod_offset(m, const Ipv6Header*, meta.l3_offset);
    const Ipv6Key src = Ipv6Key::Of(ip->src);
    fib6.Lookup(&src, &id, 1);
  } else {
    const auto* ip = rte_pktmbuf_mtod_offset(m, const Ipv4Header*, meta.l3_offset);
    const uint32_t src = ip->src.host();
    fib4.Lookup(&src, &id, 1);
  }
  return tables.groups.Load(id);
}

// Whether one of the group's next hops is behind `port`.
bool LeadsTo(const ForwardingTables& tables, GroupWord group, PortIndex port) {
  if (group.action() == NexthopAction::kGlean) return group.port() == port;
  if (group.action() != NexthopAction::kForward) return false;
  const size_t buckets = group.bucket_count();
  const int shift = 32 - std::countr_zero(buckets);
  for (size_t b = 0; b < buckets; ++b) {
    const AdjacencyId id = group.Pick(static_cast<uint32_t>(uint64_t{b} << shift));
    if (tables.adjacencies.Get(id).port == port) return true;
  }
  return false;
}

bool Passes(const ForwardingTables& tables, const rte_mbuf* m, const PacketMeta& meta,
            uint16_t features) {
  const RouteTables& vrf = tables.vrf(meta.vrf);
  const GroupWord best = GroupOf(tables, vrf.fib4, vrf.fib6, m, meta);
  switch (best.action()) {
    case NexthopAction::kForward:
    case NexthopAction::kGlean:
      break;
    case NexthopAction::kHostUnreachable:
    case NexthopAction::kLeak:  // from another VRF: there is a way back, but not by this port
      return (features & kRpfLoose) != 0;
    default:
      return false;
  }
  if ((features & kRpfLoose) != 0 || LeadsTo(tables, best, meta.in_port)) return true;
  if ((features & kRpfFeasible) == 0) return false;
  const GroupWord all = GroupOf(tables, vrf.feasible4, vrf.feasible6, m, meta);
  return LeadsTo(tables, all, meta.in_port);
}

}  // namespace

void CheckReversePath(StageContext& ctx, const RouterLcore& router, const PortTable& ports,
                      const Burst& burst, IndexList& valid) {
  const IndexList in = valid;
  valid.size = 0;
  for (const uint8_t i : in) {
    const PacketMeta& meta = burst.meta[i];
    const uint16_t features = ports[meta.in_port].features;
    if ((features & kReversePath) == 0 || (meta.flags & kLinkLocalSource) != 0 ||
        Passes(*router.tables, burst.pkt[i], meta, features)) {
      valid.Add(i);
    } else {
      ctx.Drop(burst.pkt[i], DropReason::kUrpf);
    }
  }
}

}  // namespace flyover::router
