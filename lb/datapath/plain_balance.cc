#include "lb/datapath/plain_balance.h"

#include <array>
#include <bit>

#include "common/net/headers.h"
#include "lb/datapath/encap.h"
#include "lb/datapath/flow_choice.h"
#include "lb/datapath/l4_header.h"
#include "lb/datapath/outer_header.h"
#include "lb/datapath/tcp_flags.h"
#include "lb/service/flow_slices.h"
#include "lb/service/service_count.h"

namespace flyover::lb {
namespace {

constexpr uint16_t kL3 = sizeof(EthernetHeader);

// The service of the packet before, which often is that of the next one too.
class ServiceFinder {
 public:
  explicit ServiceFinder(const VipIndex& vips) : vips_(vips) {}

  // kNotVip: the address is none. Else service() is the packet's, or kNoService.
  VipIndex::VipId FindIpv4(uint32_t destination, uint8_t protocol, uint16_t port) {
    if (destination == low_ && kIpv4Mark == high_ && Rest(protocol, port) == rest_) return vip_;
    return Keep(kIpv4Mark, destination, protocol, port, vips_.FindIpv4(SwapBytes(destination)));
  }
  VipIndex::VipId FindIpv6(const uint8_t* destination, uint8_t protocol, uint16_t port) {
    const auto high = LoadUnaligned<uint64_t>(destination);
    const auto low = LoadUnaligned<uint64_t>(destination + 8);
    if (low == low_ && high == high_ && Rest(protocol, port) == rest_) return vip_;
    return Keep(high, low, protocol, port, vips_.FindIpv6(destination));
  }
  ServiceId service() const { return service_; }

 private:
  static constexpr uint64_t kIpv4Mark = ~uint64_t{0};  // ffff:... is no unicast address
  static uint32_t Rest(uint8_t protocol, uint16_t port) { return uint32_t{protocol} << 16 | port; }
  VipIndex::VipId Keep(uint64_t high, uint64_t low, uint8_t protocol, uint16_t port,
                       VipIndex::VipId vip) {
    high_ = high;
    low_ = low;
    rest_ = Rest(protocol, port);
    vip_ = vip;
    service_ = vip == VipIndex::kNotVip ? kNoService : vips_.FindService(vip, protocol, port);
    return vip;
  }

  const VipIndex& vips_;
  uint64_t high_ = 0;
  uint64_t low_ = 0;
  uint32_t rest_ = ~uint32_t{0};
  VipIndex::VipId vip_ = VipIndex::kNotVip;
  ServiceId service_ = kNoService;
};

enum class Kind : uint8_t { kService, kNoVip, kOther };

// Longer ones might not fit into an outer header's length.
constexpr uint16_t kLongest = 0xff00;

// What the packet is; of a service's, meta.service is set.
[[gnu::always_inline]] inline Kind KindOf(const PlainService* services, ServiceFinder& finder,
                                          const rte_mbuf* m, PacketMeta& meta) {
  const uint8_t protocol = meta.protocol;
  const unsigned end = unsigned{kL3} + meta.l3_length;
  if ((meta.flags & static_cast<uint16_t>(~kIpv6)) != kL4Valid || meta.vrf != kMainVrf ||
      meta.l3_offset != kL3 || m->pkt_len != end || end > kLongest ||
      (protocol != kProtoTcp && protocol != kProtoUdp)) {
    return Kind::kOther;
  }
  const auto* const frame = rte_pktmbuf_mtod(m, const uint8_t*);
  const uint8_t* const l4 = frame + meta.l4_offset;
  const uint16_t port = LoadBe16(l4 + 2);
  VipIndex::VipId vip;
  bool land;
  if ((meta.flags & kIpv6) == 0) {
    const auto source = LoadUnaligned<uint32_t>(frame + kL3 + offsetof(Ipv4Header, src));
    const auto destination = LoadUnaligned<uint32_t>(frame + kL3 + offsetof(Ipv4Header, dst));
    vip = finder.FindIpv4(destination, protocol, port);
    land = source == destination;
  } else {
    const uint8_t* const source = frame + kL3 + offsetof(Ipv6Header, src);
    vip = finder.FindIpv6(source + 16, protocol, port);
    land = std::memcmp(source, source + 16, 16) == 0;
  }
  if (vip == VipIndex::kNotVip) return Kind::kNoVip;
  const ServiceId service = finder.service();
  if (service == kNoService || land || !HeaderIsWhole(protocol, l4, end - meta.l4_offset) ||
      services[service.value()].slots == nullptr) {
    return Kind::kOther;
  }
  meta.service = service.value();
  return Kind::kService;
}

void LookUp(LbLcore& lcore, const Burst& burst, const IndexList& in, uint16_t tick,
            std::array<ConnectionHit, kMaxBurst>& hits) {
  std::array<uint64_t, kMaxBurst> hash;
  for (unsigned n = 0; n < in.size; ++n) hash[n] = burst.meta[in.index[n]].flow_hash;
  lcore.connections->Lookup(hash.data(), in.size, tick, hits.data());
}

// By the entries of the connection table where there are any. False: stages 6 to 8 know better.
bool FollowsEntry(const ServiceTable& table, rte_mbuf* m, PacketMeta& meta,
                  const ConnectionHit& hit, uint16_t tick) {
  const Touch touch = TouchOf(meta, m);
  if (!MayFollow(table, ServiceId(meta.service), hit, touch == Touch::kOpen)) return false;
  ConnectionShard::Keep(hit, tick, touch);
  meta.backend = hit.backend.value();
  return true;
}

// Stage 8 of one packet. REQUIRES: there is room for the outer header.
[[gnu::always_inline]] inline void Send(const BackendEntry& backend, LbLcore& lcore, rte_mbuf* m,
                                        PacketMeta& meta) {
  const uint8_t overhead = backend.overhead;
  if (overhead == 0) {
    meta.flags |= kVip | kOriginated | kOnLinkOnly;
  } else {
    const Inner inner = ReadInner(meta, m);
    const auto length = static_cast<uint16_t>(meta.l3_length + overhead);
    m->data_off = static_cast<uint16_t>(m->data_off - overhead);
    m->data_len = static_cast<uint16_t>(m->data_len + overhead);
    m->pkt_len += overhead;
    auto* const outer = rte_pktmbuf_mtod_offset(m, uint8_t*, kL3);
    const uint8_t protocol = inner.v6 ? kProtoIpv6 : kProtoIpip;
    meta.l3_length = length;
    meta.l4_offset = static_cast<uint16_t>(kL3 + overhead);
    meta.overhead = overhead;
    meta.path_mtu = backend.mtu;
    meta.protocol = protocol;
    if (!backend.v6) {
      meta.flags = kVip | kOriginated;
      WriteOuterIpv4(backend, inner.traffic_class, inner.may_fragment, protocol, length,
                     lcore.next_ip_id, outer);
    } else {
      meta.flags = kVip | kOriginated | kIpv6;
      WriteOuterIpv6(backend, inner.traffic_class, protocol,
                     static_cast<uint16_t>(length - sizeof(Ipv6Header)),
                     FlowLabelSlice(meta.flow_hash), outer);
    }
  }
  meta.lookup = backend.address;
  meta.lookup_v6 = backend.v6;
}

// A bit for each packet of the burst.
using PacketSet = uint64_t;
static_assert(kMaxBurst <= 64);

void List(PacketSet set, IndexList& list) {
  for (; set != 0; set &= set - 1) list.Add(static_cast<unsigned>(std::countr_zero(set)));
}

// One call's work. Pointers of the table are kept apart, as each store to a packet might have
// changed them for all a compiler knows.
class Balancing {
 public:
  Balancing(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst)
      : context_(context), lcore_(lcore), table_(table), burst_(burst) {}

  void Sort(const IndexList& in) {
    const PlainService* const services = table_.plain.data();
    ServiceFinder finder(table_.vips);
    unsigned count = 0;
    for (const unsigned i : in) {
      PacketMeta& meta = burst_.meta[i];
      const rte_mbuf* const m = burst_.pkt[i];
      const Kind kind = KindOf(services, finder, m, meta);
      if (kind == Kind::kService) [[likely]] {
        const PlainService& service = services[meta.service];
        const uint32_t slot = ReduceHash(MaglevSlice(meta.flow_hash), service.size);
        choice_[count] = {&service.slots[slot], service.pool};
        __builtin_prefetch(&service.slots[slot]);
        // Where the outer header will stand.
        __builtin_prefetch(rte_pktmbuf_mtod(m, const uint8_t*) - kL3, 1);
        served_.index[count++] = static_cast<uint8_t>(i);
      } else {
        (kind == Kind::kNoVip ? no_vip_ : others_) |= PacketSet{1} << i;
      }
    }
    served_.size = static_cast<uint16_t>(count);
  }

  void Serve() {
    if (served_.size == 0) return;
    if (lcore_.connections->occupancy() == 0 && !table_.any_kept) [[likely]] {
      SendAll<true>(served_);
    } else {
      IndexList chosen;
      Choose(chosen);
      SendAll<false>(chosen);
    }
  }

  void Finish(PlainBalanceEdges& out) const {
    if (others_ == 0 && no_vip_ == 0) [[likely]] {
      out.route = served_;
      return;
    }
    PacketSet route = no_vip_;
    for (const unsigned i : served_) route |= PacketSet{1} << i;
    List(route & ~others_, out.route);
    List(others_, out.others);
  }

 private:
  // What the present table says of a flow, behind two loads.
  struct Choice {
    const uint16_t* slot;
    const BackendId* pool;
    unsigned backend() const { return pool[*slot].value(); }
  };

  static bool IsUnsettled(const PlainService& service, const Choice& choice) {
    return service.Unsettled(static_cast<uint32_t>(choice.slot - service.slots));
  }

  // Where entries or kept tables may know better than the present table.
  void Choose(IndexList& chosen) {
    const PlainService* const services = table_.plain.data();
    std::array<ConnectionHit, kMaxBurst> hits;
    const uint16_t tick = lcore_.clock.Tick(context_.now());
    LookUp(lcore_, burst_, served_, tick, hits);
    for (unsigned n = 0; n < served_.size; ++n) {
      const unsigned i = served_.index[n];
      PacketMeta& meta = burst_.meta[i];
      if (hits[n].found ? !FollowsEntry(table_, burst_.pkt[i], meta, hits[n], tick)
                        : IsUnsettled(services[meta.service], choice_[n])) [[unlikely]] {
        others_ |= PacketSet{1} << i;
        continue;
      }
      if (hits[n].found) {
        known_ |= PacketSet{1} << i;
      } else {
        meta.backend = static_cast<uint16_t>(choice_[n].backend());
      }
      __builtin_prefetch(&table_.backends[meta.backend]);
      chosen.Add(i);
    }
  }

  // `kSteady`: all of served_, and the present table chooses; else meta.backend has been chosen.
  template <bool kSteady>
  void SendAll(const IndexList& chosen) {
    // Where there are few they are in the nearest cache anyhow.
    constexpr unsigned kAhead = 6, kFew = 256;
    const BackendEntry* const backends = table_.backends.data();
    FlowCounters* const backend_counters = &lcore_.counters.backend(BackendId(0));
    const bool mtus_known = lcore_.path_mtus->any();
    const unsigned size = chosen.size;
    const unsigned ahead = table_.backends.size() <= kFew ? size : kAhead;
    ServiceCount count(lcore_.counters);
    PacketSet others = 0;
    for (unsigned n = 0; n < size; ++n) {
      const unsigned i = chosen.index[n];
      if (kSteady && n + ahead < size) {
        __builtin_prefetch(&backends[choice_[n + ahead].backend()]);
      }
      PacketMeta& meta = burst_.meta[i];
      rte_mbuf* const m = burst_.pkt[i];
      if (kSteady) meta.backend = static_cast<uint16_t>(choice_[n].backend());
      const unsigned id = meta.backend;
      const BackendEntry& backend = backends[id];
      if (!backend.plain || m->data_off < backend.overhead || (mtus_known && backend.overhead != 0))
          [[unlikely]] {
        others |= PacketSet{1} << i;
        continue;
      }
      FlowCounters& of_backend = backend_counters[id];
      if (meta.protocol == kProtoTcp) {
        if (TouchOf(meta, m) == Touch::kOpen && (known_ >> i & 1) == 0) {
          lcore_.counters.service(ServiceId(meta.service)).new_connections.Add(1);
          of_backend.new_connections.Add(1);
        }
        if (HandshakeWatch::Watches(meta.flow_hash)) [[unlikely]] {
          WatchHandshake(lcore_, meta, m, context_.now());
        }
      }
      count.Add(ServiceId(meta.service), meta.l3_length);
      of_backend.packets.Add(1);
      of_backend.bytes.Add(meta.l3_length);
      Send(backend, lcore_, m, meta);
    }
    others_ |= others;
  }

  StageContext& context_;
  LbLcore& lcore_;
  const ServiceTable& table_;
  Burst& burst_;
  IndexList served_;
  std::array<Choice, kMaxBurst> choice_;  // by place in served_
  PacketSet no_vip_ = 0, others_ = 0;
  PacketSet known_ = 0;  // by their entries
};

}  // namespace

void PlainBalance(StageContext& context, LbLcore& lcore, const ServiceTable& table, Burst& burst,
                  const IndexList& in, PlainBalanceEdges& out) {
  Balancing balancing(context, lcore, table, burst);
  balancing.Sort(in);
  balancing.Serve();
  balancing.Finish(out);
}

}  // namespace flyover::lb
