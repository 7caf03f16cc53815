#include "common/datapath/vlan.h"

#include <algorithm>
#include <cstring>

namespace flyover {
namespace {

constexpr unsigned kAddresses = 12;  // both MAC addresses
constexpr unsigned kMostTags = 4;    // two that count, and priority tags around them
constexpr uint16_t kIdMask = 0x0fff;

void AddTag(uint16_t tci, VlanTags& tags) {
  const uint16_t id = tci & kIdMask;
  if (id == 0) return;
  if (tags.count == tags.id.size()) {
    tags.valid = false;
    return;
  }
  tags.id[tags.count++] = id;
}

}  // namespace

VlanTags ReadVlanTags(const rte_mbuf* m) {
  VlanTags tags;
  if ((m->ol_flags & RTE_MBUF_F_RX_QINQ_STRIPPED) != 0) AddTag(m->vlan_tci_outer, tags);
  if ((m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) AddTag(m->vlan_tci, tags);
  std::array<uint8_t, 2 + kMostTags * sizeof(VlanHeader)> buffer;  // types and tags
  const uint32_t there = std::min<uint32_t>(m->pkt_len, kAddresses + sizeof(buffer));
  if (there < sizeof(EthernetHeader)) return tags;
  const auto* const at = static_cast<const uint8_t*>(
      rte_pktmbuf_read(m, kAddresses, there - kAddresses, buffer.data()));
  unsigned offset = 0;
  const auto is_tag = [&] {
    const uint16_t type = LoadBe16(at + offset);
    return type == kEtherTypeVlan || type == kEtherTypeQinq;
  };
  while (is_tag()) {
    if (kAddresses + offset + sizeof(VlanHeader) + 2 > there) {
      tags.truncated = true;
      tags.valid = false;
      break;
    }
    AddTag(LoadBe16(at + offset + 2), tags);
    offset += static_cast<unsigned>(sizeof(VlanHeader));
  }
  tags.length = static_cast<uint8_t>(offset);
  return tags;
}

void RemoveVlanTags(rte_mbuf* m, unsigned length) {
  auto* const data = rte_pktmbuf_mtod(m, uint8_t*);
  std::memmove(data + length, data, kAddresses);
  rte_pktmbuf_adj(m, static_cast<uint16_t>(length));
}

VlanPush MakeVlanPush(uint16_t outer, uint16_t inner) {
  VlanPush push;
  const auto add = [&push](uint16_t type, uint16_t id) {
    StoreBe16(push.bytes.data() + push.length, type);
    StoreBe16(push.bytes.data() + push.length + 2, id);
    push.length = static_cast<uint8_t>(push.length + sizeof(VlanHeader));
  };
  add(inner == 0 ? kEtherTypeVlan : kEtherTypeQinq, outer);
  if (inner != 0) add(kEtherTypeVlan, inner);
  return push;
}

rte_mbuf* PushVlanTags(rte_mbuf* m, const VlanPush& push, rte_mempool* pool) {
  // Some drivers put tags on by software and lose the frame where there is no room in front.
  if (push.by_device != 0 && rte_pktmbuf_headroom(m) >= push.length) {
    m->vlan_tci = push.by_device;
    m->ol_flags |= RTE_MBUF_F_TX_VLAN;
    return m;
  }
  std::array<uint8_t, kAddresses> addresses;
  std::memcpy(addresses.data(), rte_pktmbuf_mtod(m, uint8_t*), kAddresses);
  rte_mbuf* head = m;
  if (rte_pktmbuf_headroom(m) >= push.length) {
    rte_pktmbuf_prepend(m, push.length);
  } else {
    // The addresses move to a segment of their own, in front.
    const auto length = static_cast<uint16_t>(kAddresses + push.length);
    head = rte_pktmbuf_alloc(pool);
    if (head == nullptr) return nullptr;
    if (m->nb_segs == RTE_MBUF_MAX_NB_SEGS) {
      rte_pktmbuf_free(head);
      return nullptr;
    }
    rte_pktmbuf_adj(m, kAddresses);
    head->port = m->port;
    head->hash = m->hash;
    head->data_len = length;
    head->pkt_len = length + m->pkt_len;
    head->nb_segs = static_cast<uint16_t>(m->nb_segs + 1);
    head->next = m;
  }
  auto* const data = rte_pktmbuf_mtod(head, uint8_t*);
  std::memcpy(data, addresses.data(), kAddresses);
  std::memcpy(data + kAddresses, push.bytes.data(), push.length);
  return head;
}

}  // namespace flyover
