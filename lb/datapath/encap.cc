#include "lb/datapath/encap.h"

#include <cstring>

#include "common/datapath/normalize.h"
#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "lb/service/flow_slices.h"

namespace flyover::lb {
namespace {

constexpr uint16_t kEthernet = sizeof(EthernetHeader);

// What the outer header takes over from the inner one.
struct Inner {
  uint8_t protocol;       // as the outer header names it
  uint8_t traffic_class;  // DSCP and ECN
  bool may_fragment;
};

Inner ReadInner(const PacketMeta& meta, rte_mbuf* m) {
  if ((meta.flags & kIpv6) != 0) {
    return {kProtoIpv6, HeaderAt<Ipv6Header>(m, meta.l3_offset)->traffic_class(), false};
  }
  const auto& ip = *HeaderAt<Ipv4Header>(m, meta.l3_offset);
  return {kProtoIpip, ip.tos, (ip.fragment.host() & kIpv4DontFragment) == 0};
}

void WriteOuterIpv4(LbLcore& lcore, const BackendEntry& backend, const Inner& inner,
                    uint16_t length, uint8_t* to) {
  std::memcpy(to, backend.outer.data(), sizeof(Ipv4Header));
  auto& ip = *reinterpret_cast<Ipv4Header*>(to);
  ip.tos = inner.traffic_class;
  const Be16 total_length(length);
  const Be16 id(inner.may_fragment ? lcore.next_ip_id++ : uint16_t{0});
  const Be16 fragment(inner.may_fragment ? uint16_t{0} : kIpv4DontFragment);
  ip.total_length = total_length;
  ip.id = id;
  ip.fragment = fragment;
  ip.protocol = inner.protocol;
  // RFC 1624, equation 3, from the template's checksum, where all these words are 0 but for the
  // TTL. Nothing is read back from `to`: a load of bytes just stored one by one waits for them.
  const auto& outer = *reinterpret_cast<const Ipv4Header*>(backend.outer.data());
  uint32_t sum = static_cast<uint16_t>(~outer.checksum.raw());
  sum += uint32_t{total_length.raw()} + id.raw() + fragment.raw();
  // The second bytes of their words.
  sum += (uint32_t{inner.traffic_class} + inner.protocol) << 8;
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  ip.checksum = Be16::FromRaw(static_cast<uint16_t>(~sum));
}

void WriteOuterIpv6(const BackendEntry& backend, const Inner& inner, uint16_t payload_length,
                    uint32_t flow_label, uint8_t* to) {
  std::memcpy(to, backend.outer.data(), sizeof(Ipv6Header));
  auto& ip = *reinterpret_cast<Ipv6Header*>(to);
  ip.version_class_flow =
      Be32(6u << 28 | static_cast<uint32_t>(inner.traffic_class) << 20 | flow_label);
  ip.payload_length = Be16(payload_length);
  ip.next_header = inner.protocol;
}

// The packet's IP bytes with `room` bytes in front, headers still in one piece. Null: no memory,
// and the packet is still the caller's as *m.
bool MakeRoom(StageContext& context, const PacketMeta& meta, uint16_t room, rte_mbuf*& m) {
  TrimTo(m, uint32_t{meta.l3_offset} + meta.l3_length);  // padding must not count as payload
  rte_pktmbuf_adj(m, meta.l3_offset);
  rte_mbuf* head = PushFront(m, room, context.pool());
  if (head == nullptr) return false;
  if (head != m) {
    m = head;
    head = Normalize(head, context.pool());
    if (head == nullptr) return false;
    m = head;
  }
  return true;
}

}  // namespace

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

    if (backend.outer_length == 0) {
      meta.flags |= kOriginated | kOnLinkOnly;
    } else {
      if (inner_length + uint32_t{backend.outer_length} > 0xffff) {
        context.Drop(burst.pkt[i], DropReason::kMtuExceeded);
        continue;
      }
      const Inner inner = ReadInner(meta, burst.pkt[i]);
      const auto room = static_cast<uint16_t>(kEthernet + backend.outer_length);
      if (!MakeRoom(context, meta, room, burst.pkt[i])) {
        context.Drop(burst.pkt[i], DropReason::kNoMemory);
        continue;
      }
      uint8_t* const outer = HeaderAt<uint8_t>(burst.pkt[i], kEthernet);
      meta.l3_offset = kEthernet;
      meta.l4_offset = room;  // what the outer header carries: the inner IP header
      meta.l3_length = static_cast<uint16_t>(inner_length + backend.outer_length);
      meta.overhead = backend.outer_length;
      meta.protocol = inner.protocol;
      meta.flags &= static_cast<uint16_t>(~(kL4Valid | kIpOptions | kRouterAlert | kIpv6));
      meta.flags |= kOriginated;
      if (backend.v6) {
        meta.flags |= kIpv6;
        WriteOuterIpv6(backend, inner, inner_length, FlowLabelSlice(meta.flow_hash), outer);
      } else {
        WriteOuterIpv4(lcore, backend, inner, meta.l3_length, outer);
      }
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
