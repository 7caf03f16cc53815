// VLAN tags (IEEE 802.1Q): read from a frame, taken off, put on.
//
// A tag is in the frame, or beside it where the device took it off (RTE_MBUF_F_RX_VLAN_STRIPPED);
// both are read as one stack, outermost first. Tags with id 0 carry a priority only and do not
// count. More than two tags that count are not understood.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "common/net/headers.h"

namespace flyover {

struct VlanTags {
  std::array<uint16_t, 2> id{};  // those that count, outermost first
  uint8_t count = 0;
  uint8_t length = 0;  // bytes of all tags in the frame
  bool valid = true;   // false: `truncated`, or more tags than are understood
  bool truncated = false;
};

// True for frames that ReadVlanTags must look at. REQUIRES: an Ethernet header in the first
// segment.
inline bool HasVlanTag(const rte_mbuf* m, uint16_t type) {
  return type == kEtherTypeVlan || type == kEtherTypeQinq ||
         (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
}

// Any frame, in any form: bytes outside of the first segment are copied out. Too short for an
// Ethernet header: no tags.
VlanTags ReadVlanTags(const rte_mbuf* m);

// Takes off the first `length` bytes behind the addresses. REQUIRES: they lie in the first segment,
// which may be written.
void RemoveVlanTags(rte_mbuf* m, unsigned length);

// What a frame gets in front of its EtherType.
struct VlanPush {
  std::array<uint8_t, 8> bytes{};
  uint8_t length = 0;      // 0, 4 or 8
  uint16_t by_device = 0;  // the id of the one tag, where the device can put it on; 0: it cannot
};
// `inner` 0: one tag, 0x8100. Else the outer one is 0x88a8 (802.1ad). Priority is 0.
VlanPush MakeVlanPush(uint16_t outer, uint16_t inner);

// The frame with its tags, or null when out of memory (it is then unchanged). A tag that the device
// puts on is a note beside the frame. REQUIRES: the addresses lie in the first segment.
rte_mbuf* PushVlanTags(rte_mbuf* m, const VlanPush& push, rte_mempool* pool);

}  // namespace flyover
