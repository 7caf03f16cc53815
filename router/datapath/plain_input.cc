#include "router/datapath/plain_input.h"

#include <emmintrin.h>

#include <array>

#include "common/datapath/normalize.h"
#include "common/net/headers.h"

namespace flyover::router {
namespace {

constexpr unsigned kL3 = sizeof(EthernetHeader);

// By protocol: the bytes that its header must have, so that ports may be read; 0: it has no ports.
constexpr uint8_t kNotPlain = 0xff;  // ICMP, and what may be an extension header
constexpr std::array<uint8_t, 256> LeastL4(bool ipv6) {
  std::array<uint8_t, 256> least{};
  if (ipv6) least.fill(kNotPlain);
  least[kProtoIcmp] = least[kProtoIcmpv6] = kNotPlain;
  least[kProtoTcp] = sizeof(TcpHeader);
  least[kProtoUdp] = sizeof(UdpHeader);
  return least;
}
constexpr std::array<uint8_t, 256> kLeastL4Ipv4 = LeastL4(false);
constexpr std::array<uint8_t, 256> kLeastL4Ipv6 = LeastL4(true);

// By the first byte of an address: one that rules of stage 3 speak of. IPv4: 0/8, 127/8, from 224/8
// on. IPv6: 0000::/8 (unspecified, loopback, IPv4 inside), fe00::/7 (link-local, multicast).
constexpr std::array<bool, 256> kSpecialIpv4 = [] {
  std::array<bool, 256> special{};
  special[0] = special[127] = true;
  for (unsigned octet = 224; octet < 256; ++octet) special[octet] = true;
  return special;
}();
constexpr bool IsSpecialIpv6(uint8_t first_byte) {
  return static_cast<uint8_t>(first_byte + 2) <= 2;
}

// How the first bytes of a port's plain frames look: both addresses its own (the source must not
// be), EtherType, IP version.
class FrameShape {
 public:
  explicit FrameShape(const MacAddress& mac)
      : ipv4_(Bytes(mac, kEtherTypeIpv4, 0x45)), ipv6_(Bytes(mac, kEtherTypeIpv6, 0x60)) {}

  bool IsIpv4(const uint8_t* frame) const {
    constexpr unsigned kVersion = 1 << kL3;
    const unsigned same = Same(frame, ipv4_);
    return (same & (kDestination | kType | kVersion)) == (kDestination | kType | kVersion) &&
           IsGoodSource(frame, same);
  }
  bool IsIpv6(const uint8_t* frame) const {
    const unsigned same = Same(frame, ipv6_);
    return (same & (kDestination | kType)) == (kDestination | kType) && frame[kL3] >> 4 == 6 &&
           IsGoodSource(frame, same);
  }

 private:
  static constexpr unsigned kDestination = 0x3f, kSource = 0xfc0, kType = 0x3000;

  static __m128i Bytes(const MacAddress& mac, uint16_t type, uint8_t version) {
    alignas(16) std::array<uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), mac.bytes.data(), 6);
    std::memcpy(bytes.data() + 6, mac.bytes.data(), 6);
    StoreBe16(bytes.data() + 12, type);
    bytes[kL3] = version;
    return _mm_load_si128(reinterpret_cast<const __m128i*>(bytes.data()));
  }
  // A bit for each byte that is alike.
  static unsigned Same(const uint8_t* frame, __m128i bytes) {
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(frame));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(first, bytes)));
  }
  static bool IsGoodSource(const uint8_t* frame, unsigned same) {
    return (frame[6] & 1) == 0 && (same & kSource) != kSource;
  }

  __m128i ipv4_;
  __m128i ipv6_;
};

// The sum of the 20 bytes' 16-bit words is 0xffff (RFC 1071).
bool ChecksumOk(uint64_t first, uint64_t second, uint32_t third) {
  uint64_t sum;
  sum = (__builtin_add_overflow(first, second, &sum) ? 1 : 0) + sum;
  sum = (sum >> 32) + (sum & 0xffffffff) + third;
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return sum == 0xffff;
}

// What a DHCP server sends may be for a client on this box (IsDhcpReply).
constexpr uint32_t kDhcpReplyPorts = SwapBytes(uint32_t{67 << 16 | 68});

void Trim(rte_mbuf* m, uint16_t length) {
  m->data_len = length;
  m->pkt_len = length;
}

// REQUIRES: an IPv4 header without options, and all of the packet in the first segment.
bool TakeIpv4(const HashKey& key, rte_mbuf* m, const uint8_t* ip, PacketMeta& meta) {
  if (kSpecialIpv4[ip[12]] || kSpecialIpv4[ip[16]]) return false;
  const auto first = LoadUnaligned<uint64_t>(ip);
  const auto second = LoadUnaligned<uint64_t>(ip + 8);
  const auto destination = LoadUnaligned<uint32_t>(ip + 16);
  const bool checked = (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
  if (!checked && !ChecksumOk(first, second, destination)) return false;
  constexpr uint16_t kAnyFragment = SwapBytes(uint16_t{kIpv4MoreFragments | kIpv4OffsetMask});
  if ((first >> 48 & kAnyFragment) != 0) return false;
  const uint8_t protocol = ip[9];
  const unsigned total = LoadBe16(ip + 2);
  const unsigned least = kLeastL4Ipv4[protocol];
  const unsigned end = kL3 + total;
  if (end > m->data_len || total < sizeof(Ipv4Header) + least || least == kNotPlain) return false;
  uint32_t ports = 0;
  if (least != 0) [[likely]] {
    ports = LoadUnaligned<uint32_t>(ip + sizeof(Ipv4Header));
    if (ports == kDhcpReplyPorts && protocol == kProtoUdp) [[unlikely]]
      return false;
  }
  if (end != m->data_len) Trim(m, static_cast<uint16_t>(end));
  const uint64_t addresses = SwapBytes(LoadUnaligned<uint64_t>(ip + 12));
  meta.flow_hash = HashIpv4Flow(key, static_cast<uint32_t>(addresses >> 32),
                                static_cast<uint32_t>(addresses), ports, protocol);
  StoreUnaligned(meta.lookup.data(), destination);
  meta.flags = least != 0 ? kL4Valid : 0;
  meta.l4_offset = kL3 + sizeof(Ipv4Header);
  meta.l3_length = static_cast<uint16_t>(total);
  meta.protocol = protocol;
  meta.lookup_v6 = false;
  return true;
}

// REQUIRES: an IPv6 header, and all of the packet in the first segment.
bool TakeIpv6(const HashKey& key, rte_mbuf* m, const uint8_t* bytes, PacketMeta& meta) {
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(bytes);
  if (IsSpecialIpv6(ip.src[0]) || IsSpecialIpv6(ip.dst[0])) return false;
  const unsigned payload = ip.payload_length.host();
  const unsigned least = kLeastL4Ipv6[ip.next_header];
  const unsigned end = kL3 + static_cast<unsigned>(sizeof(Ipv6Header)) + payload;
  if (end > m->data_len || payload < least || least == kNotPlain) return false;
  if (end != m->data_len) Trim(m, static_cast<uint16_t>(end));
  meta.flow_hash = HashIpv6Flow(key, ip.src, LoadUnaligned<uint32_t>(&ip + 1), ip.next_header);
  std::memcpy(meta.lookup.data(), ip.dst, 16);
  meta.flags = kL4Valid | kIpv6;
  meta.l4_offset = kL3 + sizeof(Ipv6Header);
  meta.l3_length = static_cast<uint16_t>(sizeof(Ipv6Header) + payload);
  meta.protocol = ip.next_header;
  meta.lookup_v6 = true;
  return true;
}

// In one segment of its own, and without a tag. The tag that names a sub-interface may be beside
// it, where the device put it.
bool IsSimple(const rte_mbuf* m, const PortEntry& port) {
  const bool tag = (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
  return m->nb_segs == 1 && IsNormal(m) && (!tag || (port.vlan_tags == 1 && port.up));
}

}  // namespace

void PlainInput(const PortTable& ports, const HashKey& flow_key, Burst& burst, PlainEdges& out) {
  const HashKey key = flow_key;  // stores below might change the other, for all a compiler knows
  PortIndex of = kNoPort;
  const PortEntry* port = nullptr;
  FrameShape shape{MacAddress{}};
  unsigned plain_count = 0;
  for (unsigned i = 0; i < burst.size; ++i) {
    rte_mbuf* const m = burst.pkt[i];
    PacketMeta& meta = burst.meta[i];
    if (meta.in_port != of) [[unlikely]] {
      of = meta.in_port;
      port = &ports[of];
      shape = FrameShape(port->mac);
    }
    const auto* const frame = rte_pktmbuf_mtod(m, const uint8_t*);
    const unsigned l3_space = m->data_len - kL3;  // of less than a frame: a huge number
    bool plain = false;
    if (IsSimple(m, *port) && l3_space <= port->mtu && l3_space >= sizeof(Ipv4Header)) [[likely]] {
      if (shape.IsIpv4(frame)) {
        plain = TakeIpv4(key, m, frame + kL3, meta);
      } else if (l3_space >= sizeof(Ipv6Header) && shape.IsIpv6(frame)) {
        plain = TakeIpv6(key, m, frame + kL3, meta);
      }
    }
    if (!plain) [[unlikely]] {
      out.others.Add(i);
      continue;
    }
    m->ol_flags &= ~(RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED);
    meta.l3_offset = kL3;
    meta.overhead = 0;
    meta.vrf = port->vrf;
    out.plain.index[plain_count++] = static_cast<uint8_t>(i);
  }
  out.plain.size = static_cast<uint16_t>(plain_count);
}

}  // namespace flyover::router
