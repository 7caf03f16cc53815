#include "router/datapath/ethernet_input.h"

#include "common/datapath/vlan.h"
#include "common/net/headers.h"

namespace flyover::router {
namespace {

constexpr unsigned kArpLength = 28;  // RFC 826 for IPv4 over Ethernet
constexpr uint8_t kLlcOsi = 0xfe;    // SAP of IS-IS (ISO 10589)

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

// Takes all tags off, so that the kernel, which has a TAP for every sub-interface, sees untagged
// frames. False: the frame was dropped.
bool TakeTagsOff(StageContext& ctx, const PortTable& ports, PortIndex in_port, rte_mbuf* m) {
  const VlanTags tags = ReadVlanTags(m);
  // Beside those that name the port, one that carries a priority only (VLAN 0) may stand.
  const unsigned expected = ports[in_port].vlan_tags;
  if (!tags.valid || tags.count != expected || tags.length > sizeof(VlanHeader) * (expected + 1)) {
    ctx.Drop(m, tags.truncated ? DropReason::kTruncated : DropReason::kVlanUnknown);
    return false;
  }
  if (tags.length != 0) RemoveVlanTags(m, tags.length);
  m->ol_flags &= ~(RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_QINQ |
                   RTE_MBUF_F_RX_QINQ_STRIPPED);
  if (ports[in_port].vlan_tags != 0 && !ports[in_port].up) {
    ctx.Drop(m, DropReason::kPortDown);
    return false;
  }
  return true;
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
    meta.vrf = port.vrf;
    const EthernetHeader* ethernet = HeaderAt<EthernetHeader>(m, 0);
    constexpr unsigned offset = sizeof(EthernetHeader);
    uint16_t type = ethernet->type.host();
    if (__builtin_expect(HasVlanTag(m, type), 0)) {
      if (!TakeTagsOff(ctx, ports, meta.in_port, m)) continue;
      ethernet = HeaderAt<EthernetHeader>(m, 0);
      type = ethernet->type.host();
    }
    if (m->pkt_len > offset + port.mtu) {  // a tag does not count: it is off by now
      ctx.Drop(m, DropReason::kRxTooBig);
      continue;
    }
    if (ethernet->src.IsMulticast() || ethernet->src == port.mac) {
      ctx.Drop(m, DropReason::kBadSourceMac);
      continue;
    }
    if (ethernet->dst != port.mac) {
      if (ethernet->dst.IsMulticast()) {
        meta.flags |= kL2Group;
      } else if (!port.HasVirtualMac(ethernet->dst)) {
        ctx.Drop(m, DropReason::kNotForUs);
        continue;
      }
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
