#include "lb/datapath/readdress.h"

#include <cstring>

#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::lb {
namespace {

constexpr uint8_t kEcnMask = 0x03;

// RFC 1624, equation 3, for `words` 16-bit words that changed.
Be16 UpdateWords(Be16 checksum, const uint8_t* before, const uint8_t* after, unsigned words) {
  for (unsigned i = 0; i < words; ++i) {
    checksum = UpdateChecksum(checksum, LoadUnaligned<uint16_t>(before + 2 * i),
                              LoadUnaligned<uint16_t>(after + 2 * i));
  }
  return checksum;
}

// The checksum whose pseudo-header has the destination in it; null: there is none.
Be16* ChecksumWithAddress(rte_mbuf* m, const PacketMeta& meta) {
  if ((meta.flags & kLaterFragment) != 0) return nullptr;  // it is in the first one
  switch (meta.protocol) {
    case kProtoTcp:
      return &HeaderAt<TcpHeader>(m, meta.l4_offset)->checksum;
    case kProtoUdp: {
      Be16& checksum = HeaderAt<UdpHeader>(m, meta.l4_offset)->checksum;
      return checksum.raw() == 0 ? nullptr : &checksum;  // RFC 768: none was computed
    }
    case kProtoIcmpv6:
      return &HeaderAt<IcmpHeader>(m, meta.l4_offset)->checksum;
    default:
      return nullptr;
  }
}

void UpdateL4(rte_mbuf* m, const PacketMeta& meta, const uint8_t* before, const uint8_t* after,
              unsigned words) {
  Be16* const checksum = ChecksumWithAddress(m, meta);
  if (checksum == nullptr) return;
  *checksum = UpdateWords(*checksum, before, after, words);
  if (meta.protocol == kProtoUdp && checksum->raw() == 0) *checksum = Be16(0xffff);
}

}  // namespace

void Readdress(rte_mbuf* m, const PacketMeta& meta, const BackendEntry& backend) {
  const uint8_t* const to = backend.address.data();
  if (backend.v6) {
    auto& ip = *HeaderAt<Ipv6Header>(m, meta.l3_offset);
    UpdateL4(m, meta, ip.dst, to, 8);
    std::memcpy(ip.dst, to, 16);
    const uint32_t word = ip.version_class_flow.host();
    ip.version_class_flow = Be32((word & ~(0xfcu << 20)) | uint32_t{backend.tos} << 20);
    return;
  }
  auto& ip = *HeaderAt<Ipv4Header>(m, meta.l3_offset);
  std::array<uint8_t, 4> before;
  std::memcpy(before.data(), &ip.dst, 4);
  UpdateL4(m, meta, before.data(), to, 2);
  std::memcpy(&ip.dst, to, 4);
  const auto first = LoadUnaligned<uint16_t>(&ip);  // version, header length and TOS
  ip.tos = static_cast<uint8_t>(backend.tos | (ip.tos & kEcnMask));
  ip.checksum = UpdateChecksum(UpdateWords(ip.checksum, before.data(), to, 2), first,
                               LoadUnaligned<uint16_t>(&ip));
}

}  // namespace flyover::lb
