#include "router/datapath/fragment.h"

#include <algorithm>
#include <cstring>

#include "common/datapath/normalize.h"
#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::router {
namespace {

constexpr unsigned kEthernet = sizeof(EthernetHeader);
constexpr uint8_t kCopyBit = 0x80;
constexpr unsigned kMaxOptions = 40;

// The IPv4 header of all pieces but the first.
struct LaterHeader {
  std::array<uint8_t, sizeof(Ipv4Header) + kMaxOptions> bytes{};
  unsigned length = sizeof(Ipv4Header);

  Ipv4Header& ip() { return *reinterpret_cast<Ipv4Header*>(bytes.data()); }
};

// RFC 791 3.1: options whose first bit is set go along. REQUIRES: ipv4_input found them well
// formed.
LaterHeader MakeLaterHeader(const Ipv4Header& ip) {
  LaterHeader later;
  std::memcpy(later.bytes.data(), &ip, sizeof(ip));
  const auto* option = reinterpret_cast<const uint8_t*>(&ip + 1);
  const uint8_t* const end = reinterpret_cast<const uint8_t*>(&ip) + ip.header_length();
  while (option < end && *option != 0) {
    const unsigned length = *option == 1 ? 1 : option[1];
    if ((*option & kCopyBit) != 0) {
      std::memcpy(later.bytes.data() + later.length, option, length);
      later.length += length;
    }
    option += length;
  }
  later.length = (later.length + 3) & ~3u;  // the array is zero: end of options
  later.ip().version_ihl = static_cast<uint8_t>(0x40 | later.length / 4);
  return later;
}

void Seal(Ipv4Header& ip, unsigned length, uint16_t fragment) {
  ip.total_length = Be16(static_cast<uint16_t>(length));
  ip.fragment = Be16(fragment);
  ip.checksum = {};
  ip.checksum = Checksum(&ip, ip.header_length());
}

void DropAll(StageContext& ctx, rte_mbuf* m, Burst& out, DropReason reason) {
  for (uint16_t n = 1; n < out.size; ++n) ctx.Drop(out.pkt[n], reason);
  ctx.Drop(m, reason);
  out.size = 0;
}

}  // namespace

void Fragment(StageContext& ctx, RouterLcore& router, rte_mbuf* m, const PacketMeta& meta,
              Burst& out) {
  uint16_t mtu = router.tables->adjacencies.Get(AdjacencyId(meta.adjacency)).mtu;
  if (meta.overhead != 0 && meta.path_mtu != 0) mtu = std::min(mtu, meta.path_mtu);
  auto& ip = *HeaderAt<Ipv4Header>(m, meta.l3_offset);
  const unsigned header = ip.header_length();
  const unsigned payload = meta.l3_length - header;
  out.size = 1;  // the packet itself, cut last
  if (mtu < header + 8) return DropAll(ctx, m, out, DropReason::kMtuExceeded);
  const unsigned first = (mtu - header) & ~7u;
  LaterHeader later = MakeLaterHeader(ip);
  const unsigned room = mtu - later.length;
  const uint16_t before = ip.fragment.host();

  for (unsigned at = first, length; at < payload; at += length) {
    length = payload - at <= room ? payload - at : room & ~7u;
    if (out.size == kMaxBurst) return DropAll(ctx, m, out, DropReason::kMtuExceeded);
    // Copies the bytes in front along: that is where the headers go.
    const unsigned headers = kEthernet + later.length;
    rte_mbuf* const piece = ctx.Copy(m, meta.l3_offset + header + at - headers, headers + length);
    if (piece == nullptr) return DropAll(ctx, m, out, DropReason::kNoMemory);
    const bool more = at + length < payload || (before & kIpv4MoreFragments) != 0;
    Seal(later.ip(), later.length + length,
         static_cast<uint16_t>((before & ~kIpv4MoreFragments) + at / 8 +
                               (more ? kIpv4MoreFragments : 0)));
    std::memcpy(HeaderAt<uint8_t>(piece, kEthernet), later.bytes.data(), later.length);
    PacketMeta& about = out.meta[out.size];
    about = meta;
    about.l3_offset = kEthernet;
    about.l4_offset = static_cast<uint16_t>(headers);
    about.l3_length = static_cast<uint16_t>(later.length + length);
    about.overhead = 0;  // of a balancer's packet: the inner header is in the first piece
    about.flags |= kLaterFragment;
    out.pkt[out.size++] = piece;
  }

  TrimTo(m, meta.l3_offset + header + first);
  Seal(ip, header + first, static_cast<uint16_t>(before | kIpv4MoreFragments));
  out.pkt[0] = m;
  out.meta[0] = meta;
  out.meta[0].l3_length = static_cast<uint16_t>(header + first);
  for (uint16_t n = 0; n < out.size; ++n) {
    out.meta[n].flags =
        static_cast<uint16_t>((out.meta[n].flags | kFragment | kTtlDone) & ~kL4Valid);
  }
  ++router.fragmented;
  router.fragments += out.size;
}

}  // namespace flyover::router
