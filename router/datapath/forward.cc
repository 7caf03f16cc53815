#include "router/datapath/forward.h"

#include <algorithm>

#include "common/net/headers.h"
#include "router/datapath/hop.h"
#include "router/datapath/icmp_error.h"
#include "router/datapath/l4_input.h"
#include "router/datapath/plain_output.h"
#include "router/datapath/tunnel_input.h"

namespace flyover::router {
namespace {

constexpr uint16_t kIpv6MinimumMtu = 1280;

// One bulk lookup per family for all of `in`, which are of one VRF.
void LookupInVrf(const RouteTables& tables, Burst& burst, const IndexList& in) {
  std::array<uint32_t, kMaxBurst> keys4;
  std::array<Ipv6Key, kMaxBurst> keys6;
  std::array<GroupId, kMaxBurst> groups;
  IndexList v4, v6;
  for (const uint8_t i : in) {
    PacketMeta& meta = burst.meta[i];
    if (meta.lookup_v6) {
      keys6[v6.size] = Ipv6Key::Of(meta.lookup.data());
      v6.Add(i);
    } else {
      keys4[v4.size] = LoadBe32(meta.lookup.data());
      v4.Add(i);
    }
  }
  if (v4.size > 0) {
    tables.fib4.Lookup(keys4.data(), groups.data(), v4.size);
    for (uint16_t n = 0; n < v4.size; ++n) burst.meta[v4.index[n]].group = groups[n].value();
  }
  if (v6.size > 0) {
    tables.fib6.Lookup(keys6.data(), groups.data(), v6.size);
    for (uint16_t n = 0; n < v6.size; ++n) burst.meta[v6.index[n]].group = groups[n].value();
  }
}

// VRF by VRF. A burst comes in by one port, so nearly always there is one.
void LookupByVrf(const ForwardingTables& tables, Burst& burst, IndexList in) {
  while (in.size > 0) {
    const VrfIndex vrf = burst.meta[in.index[0]].vrf;
    IndexList same, others;
    for (const uint8_t i : in) (burst.meta[i].vrf == vrf ? same : others).Add(i);
    LookupInVrf(tables.vrf(vrf), burst, same);
    in = others;
  }
}

// Prefixes of another VRF: looked up again there, once.
void FollowLeaks(const ForwardingTables& tables, Burst& burst, const IndexList& in) {
  IndexList leaked;
  for (const uint8_t i : in) {
    PacketMeta& meta = burst.meta[i];
    const GroupWord group = tables.groups.Load(GroupId(meta.group));
    if (group.action() != NexthopAction::kLeak) continue;
    meta.vrf = group.vrf();
    leaked.Add(i);
  }
  LookupByVrf(tables, burst, leaked);
}

void LookupGroups(const ForwardingTables& tables, Burst& burst, const IndexList& in) {
  if (tables.vrfs.size() == 1) return LookupInVrf(tables.main(), burst, in);
  LookupByVrf(tables, burst, in);
  FollowLeaks(tables, burst, in);
}

// Which member of a group the flow takes. Not the bits that Maglev or the connection table use.
uint32_t MemberHash(const RouterLcore& router, const rte_mbuf* m, const PacketMeta& meta) {
  uint64_t hash = meta.flow_hash;
  const bool own_l3 = meta.overhead == 0 && (meta.flags & kOriginated) == 0;
  if (own_l3 && !router.ecmp_ports) {
    hash = AddressFlowHash(router.flow_key, m, meta, router.ecmp_symmetric);
  } else if (own_l3 && router.ecmp_symmetric) {
    hash = SymmetricFlowHash(router.flow_key, m, meta);
  } else if (own_l3 && (meta.flags & kIpv6) != 0 && router.ecmp_flow_label) {
    // RFC 6438: the flow label stands for what the router cannot read.
    hash ^= rte_pktmbuf_mtod_offset(m, const Ipv6Header*, meta.l3_offset)->flow_label();
  }
  return static_cast<uint32_t>(Mum(hash ^ router.ecmp_key, 0x8ebc6af09c88c6e3ULL) >> 16);
}

void Ask(RouterLcore& router, PortIndex port, const IpAddress& target) {
  ResolveRequest request{.address = target, .port = port};
  if (rte_ring_sp_enqueue_elem(router.resolve_ring, &request, sizeof(request)) != 0) {
    ++router.resolve_requests_lost;
  }
}

void HoldFor(StageContext& ctx, RouterLcore& router, rte_mbuf* m, const PacketMeta& meta,
             PortIndex port, const IpAddress& target) {
  const HoldTable::Outcome outcome =
      router.hold.Hold(m, meta, port, target, ctx.now(), ctx.tsc_hz());
  if (outcome.displaced != nullptr) ctx.Drop(outcome.displaced, DropReason::kHoldFull);
  if (outcome.ask) Ask(router, port, target);
}

// RFC 5095: a type 0 routing header ends at the node it names. Where it lies in the packet is
// looked for again: it is rare. REQUIRES: kRoutingHeader0, and no outer header.
uint16_t RoutingTypeOffset(rte_mbuf* m, const PacketMeta& meta) {
  const auto* const ip = HeaderAt<uint8_t>(m, meta.l3_offset);
  uint8_t next = HeaderAt<Ipv6Header>(m, meta.l3_offset)->next_header;
  unsigned at = sizeof(Ipv6Header);
  while (at + 8 <= static_cast<unsigned>(meta.l4_offset - meta.l3_offset)) {
    if (next == kProtoRouting && ip[at + 2] == 0 && ip[at + 3] != 0) break;
    const unsigned length = next == kProtoFragment ? 8
                            : next == kProtoAh     ? (ip[at + 1] + 2u) * 4
                                                   : (ip[at + 1] + 1u) * 8;
    next = ip[at];
    at += length;
  }
  return static_cast<uint16_t>(at + 2);
}

// Neighbour discovery for a VIP that the kernel has as an address: its answer is what makes the
// VIP reachable.
bool IsNeighborDiscovery(const rte_mbuf* m, const PacketMeta& meta) {
  return (meta.flags & kIpv6) != 0 && ClassifyLocal(m, meta) == PuntReason::kNeighborDiscovery;
}

// What is for this box.
void DeliverLocal(StageContext& ctx, RouterLcore& router, rte_mbuf* m, const PacketMeta& meta,
                  Burst& inner) {
  // What the balancer sent on or we made ourselves is not the kernel's to see.
  if ((meta.flags & kOnLinkOnly) != 0) return ctx.Drop(m, DropReason::kL2dsrNotOnLink);
  if ((meta.flags & kOriginated) != 0) return ctx.Drop(m, DropReason::kNoRoute);
  const PortTable& ports = *router.ports->Load();
  // The TAP is in the namespace of the VRF that it came from, whose kernel does not know it.
  if (ports[meta.in_port].vrf != meta.vrf) return ctx.Drop(m, DropReason::kVrfLocal);
  if (!ports.tunnels.empty()) {
    if ((meta.flags & kIcmpError) != 0) {
      LearnTunnelMtu(ctx, router, ports, m, meta);
    } else if (TunnelInput(ctx, router, ports, m, meta, inner)) {
      return;
    }
  }
  ctx.Punt(m, ClassifyLocal(m, meta));
}

// RFC 4291 2.5.6. Link-local addresses other than our own are not in the FIB: what is found for
// them is a default route, which leads to another link. That goes for our own answers too.
bool CrossesLinks(const PacketMeta& meta, NexthopAction action) {
  if (meta.lookup_v6 && Ipv6Address{meta.lookup}.IsLinkLocal()) return true;
  return (meta.flags & kLinkLocalSource) != 0 &&
         (action == NexthopAction::kForward || action == NexthopAction::kGlean);
}

// To a VIP, but to none of its services: the kernel must not see it, also where it has the VIP's
// address. (What the balancer sends on, and our answers, have kOriginated.)
bool IsStray(const PacketMeta& meta) { return (meta.flags & (kVip | kOriginated)) == kVip; }

// Nothing that FibLookup has a rule for, but where its route leads.
bool IsOrdinary(const PacketMeta& meta) {
  const bool to_link_local = meta.lookup_v6 && meta.lookup[0] == 0xfe;
  return (meta.flags & (kRoutingHeader0 | kLinkLocalSource)) == 0 && !IsStray(meta) &&
         !to_link_local;
}

void SendTo(const ForwardingTables& tables, PacketMeta& meta, AdjacencyId adjacency) {
  tables.adjacencies.Prefetch(adjacency);
  meta.adjacency = adjacency.value();
}

// The largest packet that gets to where it goes: by the link, or by what the balancer knows of the
// way to a backend.
uint16_t MtuOf(const PacketMeta& meta, const Adjacency& adjacency) {
  if (meta.overhead == 0 || meta.path_mtu == 0) return adjacency.mtu;
  return std::min(adjacency.mtu, meta.path_mtu);
}

// RFC 1812 4.2.2.7: a router fragments what may be fragmented. What the balancer sends on, only
// where its service says so; a tunnel's outer packet, where the inner one may be (RFC 2003 3.1).
bool MayFragment(const RouterLcore& router, const PacketMeta& meta, const Ipv4Header& ip,
                 const Adjacency& adjacency) {
  if ((meta.flags & kIpv6) != 0) return false;
  if ((meta.flags & kMayCut) != 0) return true;
  if ((meta.flags & kOriginated) != 0) return false;
  if ((ip.fragment.host() & kIpv4DontFragment) != 0) return false;
  return ((*router.ports->Load())[adjacency.port].features & kNoFragments) == 0;
}

}  // namespace

void FibLookup(StageContext& ctx, RouterLcore& router, Burst& burst, const IndexList& in,
               IndexList& forward, Burst& inner, Burst& answers) {
  const ForwardingTables& tables = *router.tables;
  LookupGroups(tables, burst, in);
  for (const uint8_t i : in) {
    rte_mbuf* const m = burst.pkt[i];
    PacketMeta& meta = burst.meta[i];
    const GroupWord group = tables.groups.Load(GroupId(meta.group));
    router.group_use.Count(meta.group);
    if (group.IsOneNeighbor() && IsOrdinary(meta)) [[likely]] {
      SendTo(tables, meta, group.Pick(0));
      forward.Add(i);
      continue;
    }
    const NexthopAction action = group.action();
    const auto refuse = [&](DropReason reason, IcmpErrorKind error) {
      SendIcmpError(ctx, router, burst, i, error, 0, answers);
      ctx.Drop(m, reason);
    };
    const bool stray = IsStray(meta);
    const bool local = action == NexthopAction::kLocal;
    if ((meta.flags & kRoutingHeader0) != 0 && (stray || local)) {
      SendIcmpError(ctx, router, burst, i, IcmpErrorKind::kRoutingHeader,
                    RoutingTypeOffset(m, meta), answers);
      ctx.Drop(m, DropReason::kIpv6RoutingHeader0);
      continue;
    }
    if (stray && !(local && IsNeighborDiscovery(m, meta))) {
      ctx.Drop(m, DropReason::kVipUnknownPort);
      continue;
    }
    if (local) {
      DeliverLocal(ctx, router, m, meta, inner);
      continue;
    }
    if (CrossesLinks(meta, action)) {
      ctx.Drop(m, DropReason::kIpv6LinkLocal);
      continue;
    }
    switch (action) {
      case NexthopAction::kForward:
        SendTo(tables, meta, group.Pick(MemberHash(router, m, meta)));
        forward.Add(i);
        break;
      case NexthopAction::kGlean:
        HoldFor(ctx, router, m, meta, group.port(), LookupAddress(meta));
        break;
      case NexthopAction::kBlackhole:
        ctx.Drop(m, DropReason::kBlackhole);
        break;
      case NexthopAction::kBroadcast:
        ctx.Drop(m, DropReason::kIpBroadcast);
        break;
      case NexthopAction::kLeak:  // for the second time
        ctx.Drop(m, DropReason::kVrfLoop);
        break;
      case NexthopAction::kUnreachable:
        refuse(DropReason::kUnreachableRoute, IcmpErrorKind::kHostUnreachable);
        break;
      case NexthopAction::kProhibit:
        refuse(DropReason::kProhibited, IcmpErrorKind::kProhibited);
        break;
      case NexthopAction::kHostUnreachable:
        refuse(DropReason::kHostUnreachable, IcmpErrorKind::kHostUnreachable);
        break;
      case NexthopAction::kNoRoute:
      case NexthopAction::kLocal:
        refuse(DropReason::kNoRoute, IcmpErrorKind::kNoRoute);
        break;
    }
  }
}

void TtlMtu(StageContext& ctx, RouterLcore& router, Burst& burst, const IndexList& in,
            IndexList& fits, IndexList& too_long, Burst& answers) {
  for (const uint8_t i : in) {
    rte_mbuf* const m = burst.pkt[i];
    PacketMeta& meta = burst.meta[i];
    const Adjacency& adjacency = router.tables->adjacencies.Get(AdjacencyId(meta.adjacency));
    // L2-DSR: the backend must be a neighbour, or its MAC would be a gateway's.
    if ((meta.flags & kOnLinkOnly) != 0 && adjacency.nexthop != LookupAddress(meta)) {
      ctx.Drop(m, DropReason::kL2dsrNotOnLink);
      continue;
    }
    const bool ipv6 = (meta.flags & kIpv6) != 0;
    const bool transit = (meta.flags & (kOriginated | kTtlDone)) == 0;
    auto* const ip4 = HeaderAt<Ipv4Header>(m, meta.l3_offset);
    auto* const ip6 = HeaderAt<Ipv6Header>(m, meta.l3_offset);
    const bool expired = transit ? (ipv6 ? ip6->hop_limit : ip4->ttl) <= 1  // RFC 1812 5.3.1
                                 : IsDeadOnArrival(m, meta);
    if (expired) {
      SendIcmpError(ctx, router, burst, i, IcmpErrorKind::kTimeExceeded, 0, answers);
      ctx.Drop(m, DropReason::kTtlExpired);
      continue;
    }
    const uint16_t way = MtuOf(meta, adjacency);
    const bool cut =
        __builtin_expect(meta.l3_length > way, 0) && MayFragment(router, meta, *ip4, adjacency);
    if (__builtin_expect(meta.l3_length > way && !cut, 0)) {
      uint16_t mtu = static_cast<uint16_t>(way - meta.overhead);
      if (ipv6 && meta.overhead == 0) mtu = std::max(mtu, kIpv6MinimumMtu);
      SendIcmpError(ctx, router, burst, i, IcmpErrorKind::kTooBig, mtu, answers);
      ctx.Drop(m, DropReason::kMtuExceeded);
      continue;
    }
    if (transit) TakeHop(m, meta);
    (cut ? too_long : fits).Add(i);
  }
}

void AdjacencyRewrite(StageContext& ctx, RouterLcore& router, Burst& burst, const IndexList& in,
                      IndexList& ready, std::array<PortIndex, kMaxBurst>& egress, Burst& answers) {
  const PortTable& ports = *router.ports->Load();
  for (const uint8_t i : in) {
    rte_mbuf* const m = burst.pkt[i];
    PacketMeta& meta = burst.meta[i];
    const Adjacency& adjacency = router.tables->adjacencies.Get(AdjacencyId(meta.adjacency));
    if (__builtin_expect(adjacency.state != AdjacencyState::kResolved, 0)) {
      meta.flags |= kTtlDone;
      if (adjacency.state == AdjacencyState::kUnresolved) {
        HoldFor(ctx, router, m, meta, adjacency.port, adjacency.nexthop);
      } else {
        SendIcmpError(ctx, router, burst, i, IcmpErrorKind::kHostUnreachable, 0, answers);
        ctx.Drop(m, DropReason::kHostUnreachable);
      }
      continue;
    }
    if (!ports[adjacency.port].up) {
      ctx.Drop(m, DropReason::kPortDown);
      continue;
    }
    WriteEthernet(router, adjacency, m, meta);
    egress[i] = adjacency.port;
    ready.Add(i);
  }
}

bool ResumeHeld(StageContext& ctx, RouterLcore& router, unsigned& cursor, Burst& resume) {
  const ForwardingTables& tables = *router.tables;
  for (; cursor < HoldTable::kMaxTargets; ++cursor) {
    const HeldPacket* const front = router.hold.Front(cursor);
    if (front == nullptr) continue;
    // Where would it go now? Any answer but "still waiting" lets it go on, also the bad ones.
    Burst& probe = resume;
    probe.size = 1;
    probe.pkt[0] = front->m;
    probe.meta[0] = front->meta;
    IndexList one;
    one.Add(0);
    LookupGroups(tables, probe, one);
    const GroupWord group = tables.groups.Load(GroupId(probe.meta[0].group));
    const bool waiting =
        group.action() == NexthopAction::kGlean ||
        (group.action() == NexthopAction::kForward &&
         tables.adjacencies.Get(group.Pick(MemberHash(router, front->m, front->meta))).state ==
             AdjacencyState::kUnresolved);
    if (waiting && !router.hold.Expired(cursor, ctx.now(), ctx.tsc_hz())) {
      // The neighbour may have been forgotten since the kernel was asked.
      if (router.hold.AskAgain(cursor, ctx.now(), ctx.tsc_hz())) {
        Ask(router, router.hold.port(cursor), router.hold.address(cursor));
      }
      continue;
    }
    router.hold.Release(cursor, resume);
    if (!waiting) {
      ++cursor;
      return true;
    }
    for (uint16_t i = 0; i < resume.size; ++i) ctx.Drop(resume.pkt[i], DropReason::kHoldExpired);
  }
  resume.size = 0;
  return false;
}

}  // namespace flyover::router
