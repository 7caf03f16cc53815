#include "router/datapath/ethernet_input.h"

#include "common/net/headers.h"

namespace flyover::router {
namespace {

constexpr unsigned kArpLength = 28;  // RFC 826 for IPv4 over Ethernet
constexpr uint8_t kLlcOsi = 0xfe;    // SAP of IS-IS (ISO 10589)

// Two loads each; asked twice a packet.
bool Same(const MacAddress& a, const MacAddress& b) {
  const uint8_t* const x = a.bytes.data();
  const uint8_t* const y = b.bytes.data();
  return ((LoadUnaligned<uint32_t>(x) ^ LoadUnaligned<uint32_t>(y)) |
          static_cast<uint32_t>(LoadUnaligned<uint16_t>(x + 4) ^ LoadUnaligned<uint16_t>(y + 4))) ==
         0;
}

// 01:80:c2:00:00:xx: what bridges keep to themselves (LLDP, LACP, STP; IEEE 802.1Q 8.6.3), GARP,
// and IS-IS with another LLC header than we know. For the neighbour on the wire, thus for the
// kernel.
bool IsLinkLocalGroup(const MacAddress& mac) {
  return mac.bytes[0] == 0x01 && mac.bytes[1] == 0x80 && mac.bytes[2] == 0xc2 &&
         mac.bytes[3] == 0 && mac.bytes[4] == 0;
}

// RFC 826, with the sender's address the same in both places: what differs is spoofed or broken.
bool IsSaneArp(const rte_mbuf* m, const EthernetHeader& ethernet, unsigned offset) {
  if (m->pkt_len < offset + kArpLength) return false;
  const auto* arp = rte_pktmbuf_mtod_offset(m, const uint8_t*, offset);
  const bool ipv4_over_ethernet =
      LoadBe16(arp) == 1 && LoadBe16(arp + 2) == kEtherTypeIpv4 && arp[4] == 6 && arp[5] == 4;
  const uint16_t operation = LoadBe16(arp + 6);
  return ipv4_over_ethernet && (operation == 1 || operation == 2) &&
         std::memcmp(arp + 8, ethernet.src.bytes.data(), 6) == 0;
}

// Takes a priority tag (VLAN 0) off, so that the kernel, which may know no VLANs, sees an untagged
// frame.
void RemovePriorityTag(rte_mbuf* m) {
  auto* data = rte_pktmbuf_mtod(m, uint8_t*);
  std::memmove(data + sizeof(VlanHeader), data, 12);
  rte_pktmbuf_adj(m, sizeof(VlanHeader));
}

}  // namespace

void EthernetInput(StageContext& ctx, const PortTable& ports, Burst& burst, const IndexList& in,
                   EthernetEdges& out) {
  for (const uint8_t i : in) {
    rte_mbuf* const m = burst.pkt[i];
    PacketMeta& meta = burst.meta[i];
    meta.flags = 0;
    meta.overhead = 0;
    if (m->pkt_len < sizeof(EthernetHeader)) {
      ctx.Drop(m, DropReason::kTruncated);
      continue;
    }
    const PortEntry& port = ports[meta.in_port];
    const EthernetHeader* ethernet = HeaderAt<EthernetHeader>(m, 0);
    unsigned offset = sizeof(EthernetHeader);
    uint16_t type = ethernet->type.host();
    if (type == kEtherTypeVlan) {
      if (m->pkt_len < sizeof(EthernetHeader) + sizeof(VlanHeader)) {
        ctx.Drop(m, DropReason::kTruncated);
        continue;
      }
      const auto* vlan = HeaderAt<VlanHeader>(m, offset);
      if ((vlan->tci.host() & 0x0fff) != 0) {
        ctx.Drop(m, DropReason::kVlanUnknown);
        continue;
      }
      type = vlan->type.host();
      RemovePriorityTag(m);
      ethernet = HeaderAt<EthernetHeader>(m, 0);
    } else if (type == kEtherTypeQinq) {
      ctx.Drop(m, DropReason::kVlanUnknown);
      continue;
    }
    if (m->pkt_len > offset + port.mtu) {  // a tag does not count: it is off by now
      ctx.Drop(m, DropReason::kRxTooBig);
      continue;
    }
    if (ethernet->src.IsMulticast() || Same(ethernet->src, port.mac)) {
      ctx.Drop(m, DropReason::kBadSourceMac);
      continue;
    }
    if (!Same(ethernet->dst, port.mac)) {
      if (!ethernet->dst.IsMulticast()) {
        ctx.Drop(m, DropReason::kNotForUs);
        continue;
      }
      meta.flags |= kL2Group;
    }
    meta.l3_offset = static_cast<uint16_t>(offset);

    switch (type) {
      case kEtherTypeIpv4:
        out.ipv4.Add(i);
        break;
      case kEtherTypeIpv6:
        out.ipv6.Add(i);
        break;
      case kEtherTypeArp:
        if (IsSaneArp(m, *ethernet, offset)) {
          ctx.Punt(m, PuntReason::kArp);
        } else {
          ctx.Drop(m, DropReason::kBadArp);
        }
        break;
      default: {
        const bool llc = type < kMinEtherType && m->pkt_len >= offset + 2;
        if (llc && *HeaderAt<uint8_t>(m, offset) == kLlcOsi &&
            *HeaderAt<uint8_t>(m, offset + 1) == kLlcOsi) {
          ctx.Punt(m, PuntReason::kIsis);
        } else if (IsLinkLocalGroup(ethernet->dst)) {
          ctx.Punt(m, PuntReason::kLinkControl);
        } else {
          ctx.Drop(m, DropReason::kUnknownEtherType);
        }
      }
    }
  }
}

}  // namespace flyover::router
