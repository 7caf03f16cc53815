#include "common/datapath/tcp_mss.h"

#include <algorithm>

#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover {
namespace {

// The 16-bit words of a checksum begin at even offsets; a value at an odd one counts as swapped.
void LowerMss(TcpHeader& tcp, uint8_t* value, unsigned offset, uint16_t limit) {
  if (LoadBe16(value) <= limit) return;
  uint16_t before = LoadUnaligned<uint16_t>(value);
  uint16_t after = Be16(limit).raw();
  StoreUnaligned(value, after);
  if (offset % 2 != 0) {
    before = __builtin_bswap16(before);
    after = __builtin_bswap16(after);
  }
  tcp.checksum = UpdateChecksum(tcp.checksum, before, after);
}

}  // namespace

void ClampMss(rte_mbuf* m, const PacketMeta& meta, uint16_t limit) {
  constexpr uint8_t kEnd = 0, kNop = 1, kMss = 2, kMssLength = 4;
  auto& tcp = *HeaderAt<TcpHeader>(m, meta.l4_offset);
  if ((tcp.flags & kTcpSyn) == 0) return;
  const unsigned length = (tcp.data_offset >> 4) * 4u;
  const unsigned end = std::min<unsigned>(meta.l3_offset + meta.l3_length, m->data_len);
  if (meta.l4_offset + length > end) return;
  auto* const bytes = reinterpret_cast<uint8_t*>(&tcp);
  for (unsigned at = sizeof(TcpHeader); at < length && bytes[at] != kEnd;) {
    if (bytes[at] == kNop) {
      ++at;
      continue;
    }
    if (at + 2 > length) return;
    const unsigned size = bytes[at + 1];
    if (size < 2 || at + size > length) return;
    if (bytes[at] == kMss && size == kMssLength) LowerMss(tcp, bytes + at + 2, at + 2, limit);
    at += size;
  }
}

}  // namespace flyover
