#include "router/datapath/sub_ports.h"

#include "common/datapath/vlan.h"

namespace flyover::router {

PortIndex PortOfFrame(const PortTable& ports, PortIndex device, const rte_mbuf* m) {
  constexpr uint16_t kTypeOffset = 12;
  if (m->data_len < sizeof(EthernetHeader) && m->nb_segs == 1) return device;
  uint16_t type = 0;
  const void* const at = rte_pktmbuf_read(m, kTypeOffset, sizeof(type), &type);
  if (at == nullptr || !HasVlanTag(m, LoadBe16(at))) return device;
  const VlanTags tags = ReadVlanTags(m);
  if (!tags.valid || tags.count == 0) return device;
  const PortIndex sub = ports.SubPort(device, tags.id[0], tags.id[1]);
  return sub == kNoPort ? device : sub;
}

}  // namespace flyover::router
