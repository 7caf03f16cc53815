#include "tools/flyoverd/path/frame_hash.h"

#include "common/net/headers.h"

namespace flyover {
namespace {

constexpr unsigned kMostTags = 2;

bool HasPorts(uint8_t protocol) { return protocol == kProtoTcp || protocol == kProtoUdp; }

uint32_t Hash(const HashKey& key, const uint8_t* data, unsigned length) {
  if (length < sizeof(EthernetHeader)) return 0;
  uint16_t type = LoadBe16(data + 12);
  unsigned at = sizeof(EthernetHeader);
  for (unsigned tags = 0; tags < kMostTags && length >= at + sizeof(VlanHeader); ++tags) {
    if (type != kEtherTypeVlan && type != kEtherTypeQinq) break;
    type = LoadBe16(data + at + 2);
    at += static_cast<unsigned>(sizeof(VlanHeader));
  }
  if (type == kEtherTypeIpv4 && length >= at + sizeof(Ipv4Header)) {
    const auto* ip = reinterpret_cast<const Ipv4Header*>(data + at);
    const unsigned l4 = at + ip->header_length();
    const bool fragment = (ip->fragment.host() & (kIpv4MoreFragments | kIpv4OffsetMask)) != 0;
    const uint32_t ports = HasPorts(ip->protocol) && !fragment && length >= l4 + 4
                               ? LoadUnaligned<uint32_t>(data + l4)
                               : 0;
    return static_cast<uint32_t>(
        HashIpv4Flow(key, ip->src.host(), ip->dst.host(), ports, ip->protocol) >> 32);
  }
  if (type == kEtherTypeIpv6 && length >= at + sizeof(Ipv6Header)) {
    const auto* ip = reinterpret_cast<const Ipv6Header*>(data + at);
    const unsigned l4 = at + static_cast<unsigned>(sizeof(Ipv6Header));
    // Packets with extension headers are hashed by their addresses: the first fragment of a
    // datagram must meet the others, and a chain may be long.
    const bool plain = HasPorts(ip->next_header) && length >= l4 + 4;
    return static_cast<uint32_t>(HashIpv6Flow(key, ip->src,
                                              plain ? LoadUnaligned<uint32_t>(data + l4) : 0,
                                              plain ? ip->next_header : 0) >>
                                 32);
  }
  return 0;
}

}  // namespace

uint32_t FrameHash(const HashKey& key, const rte_mbuf* m) {
  return Hash(key, rte_pktmbuf_mtod(m, const uint8_t*), m->data_len);
}

}  // namespace flyover
