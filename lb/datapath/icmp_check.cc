#include "lb/datapath/icmp_check.h"

#include <algorithm>

#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::lb {
namespace {

unsigned MessageLength(const PacketMeta& meta) {
  return meta.l3_length - static_cast<unsigned>(meta.l4_offset - meta.l3_offset);
}

// Adds `length` bytes from `offset` on, whatever segments they lie in. (rte_raw_cksum_mbuf of DPDK
// 22.11 loses carries behind a segment of odd length.) REQUIRES: the packet has them.
void AddSegments(ChecksumAccumulator& sum, const rte_mbuf* m, uint32_t offset, uint32_t length) {
  for (; offset >= m->data_len; m = m->next) offset -= m->data_len;
  bool odd = false;
  for (; length > 0; m = m->next, offset = 0) {
    const uint32_t here = std::min<uint32_t>(m->data_len - offset, length);
    ChecksumAccumulator piece;
    piece.Add(rte_pktmbuf_mtod_offset(m, const void*, offset), here);
    // Behind an odd number of bytes each byte counts for the other half of a 16-bit word.
    sum.AddRaw16(odd ? SwapBytes(piece.Fold()) : piece.Fold());
    odd ^= (here & 1) != 0;
    length -= here;
  }
}

}  // namespace

bool IcmpChecksumOk(const PacketMeta& meta, rte_mbuf* m) {
  const unsigned length = MessageLength(meta);
  ChecksumAccumulator sum;
  AddSegments(sum, m, meta.l4_offset, length);
  if ((meta.flags & kIpv6) != 0) {
    AddPseudoHeader(sum, *HeaderAt<Ipv6Header>(m, meta.l3_offset), kProtoIcmpv6,
                    static_cast<uint16_t>(length));
  }
  return sum.Fold() == 0xffff;
}

}  // namespace flyover::lb
