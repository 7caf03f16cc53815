// The Internet checksum (RFC 1071) and its incremental update (RFC 1624, equation 3).
//
// Sums are taken over the bytes as they lie in memory; the one's complement sum does not care about
// byte order as long as both sides use the same, so nothing is swapped.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/net/byte_order.h"
#include "common/net/headers.h"

namespace flyover {

// Running one's complement sum. Add pieces of even length; only the last may be odd.
class ChecksumAccumulator {
 public:
  void Add(const void* data, size_t length) {
    const auto* p = static_cast<const uint8_t*>(data);
    for (; length >= 4; p += 4, length -= 4) sum_ += LoadUnaligned<uint32_t>(p);
    if (length >= 2) {
      sum_ += LoadUnaligned<uint16_t>(p);
      p += 2;
      length -= 2;
    }
    if (length == 1) sum_ += *p;
  }
  void AddRaw16(uint16_t network_order) { sum_ += network_order; }

  // The 16-bit sum before complementing.
  uint16_t Fold() const {
    uint64_t s = (sum_ >> 32) + (sum_ & 0xffffffff);
    s = (s >> 16) + (s & 0xffff);
    s = (s >> 16) + (s & 0xffff);
    s = (s >> 16) + (s & 0xffff);
    return static_cast<uint16_t>(s);
  }
  // What goes into the checksum field, in network order.
  Be16 Finish() const { return Be16::FromRaw(static_cast<uint16_t>(~Fold())); }

 private:
  uint64_t sum_ = 0;
};

inline Be16 Checksum(const void* data, size_t length) {
  ChecksumAccumulator sum;
  sum.Add(data, length);
  return sum.Finish();
}

// True when the header's own checksum field makes the whole sum to 0xffff.
inline bool Ipv4ChecksumOk(const Ipv4Header& header) {
  ChecksumAccumulator sum;
  if (header.header_length() == sizeof(header)) [[likely]] {
    sum.Add(&header, sizeof(header));  // of a constant length: five additions, no loop
    return sum.Fold() == 0xffff;
  }
  sum.Add(&header, header.header_length());
  return sum.Fold() == 0xffff;
}

// RFC 1624: HC' = ~(~HC + ~m + m'), for one 16-bit word that changed from `old_word` to `new_word`.
inline Be16 UpdateChecksum(Be16 checksum, uint16_t old_word, uint16_t new_word) {
  uint32_t s = static_cast<uint16_t>(~checksum.raw());
  s += static_cast<uint16_t>(~old_word);
  s += new_word;
  s = (s >> 16) + (s & 0xffff);
  s = (s >> 16) + (s & 0xffff);
  return Be16::FromRaw(static_cast<uint16_t>(~s));
}

// Takes 1 from the TTL. REQUIRES: ttl > 0.
//
// TTL is the low byte of its word as a little-endian load sees it, so with m' = m - 1 the sum of
// RFC 1624, equation 3, is ~HC + 0xfffe whatever the word. TTL, protocol and checksum are one word
// of 32 bits, loaded and stored whole: a load of it after a store of a part would wait.
inline void DecrementTtl(Ipv4Header& header) {
  const auto word = LoadUnaligned<uint32_t>(&header.ttl);
  uint32_t sum = (~word >> 16) + 0xfffe;
  sum = (sum >> 16) + (sum & 0xffff);
  StoreUnaligned(&header.ttl, (~sum << 16) | ((word - 1) & 0xffff));
}

// The pseudo-header of TCP, UDP (RFC 768, 9293) and, over IPv6, ICMPv6 too (RFC 8200 8.1).
inline void AddPseudoHeader(ChecksumAccumulator& sum, const Ipv4Header& ip, uint8_t protocol,
                            uint16_t length) {
  sum.Add(&ip.src, 8);
  sum.AddRaw16(Be16(protocol).raw());
  sum.AddRaw16(Be16(length).raw());
}
inline void AddPseudoHeader(ChecksumAccumulator& sum, const Ipv6Header& ip, uint8_t protocol,
                            uint16_t length) {
  sum.Add(ip.src, 32);
  sum.AddRaw16(Be16(protocol).raw());
  sum.AddRaw16(Be16(length).raw());
}

}  // namespace flyover
