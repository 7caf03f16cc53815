// Network byte order as types: a Be16 cannot be mistaken for a number. Loads and stores are
// unaligned-safe.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>

namespace flyover {

static_assert(std::endian::native == std::endian::little, "byte swaps below assume little endian");

constexpr uint16_t SwapBytes(uint16_t v) { return __builtin_bswap16(v); }
constexpr uint32_t SwapBytes(uint32_t v) { return __builtin_bswap32(v); }
constexpr uint64_t SwapBytes(uint64_t v) { return __builtin_bswap64(v); }

// An integer in network byte order. No implicit conversion: `x = 5` would read differently from
// what it does.
template <typename T>
class BigEndian {
 public:
  constexpr BigEndian() = default;
  constexpr explicit BigEndian(T host) : raw_(SwapBytes(host)) {}
  constexpr T host() const { return SwapBytes(raw_); }
  // As it lies in the packet: for checksums and hashes only.
  constexpr T raw() const { return raw_; }
  static constexpr BigEndian FromRaw(T raw) {
    BigEndian be;
    be.raw_ = raw;
    return be;
  }
  constexpr bool operator==(const BigEndian&) const = default;

 private:
  T raw_ = 0;
} __attribute__((packed));

using Be16 = BigEndian<uint16_t>;
using Be32 = BigEndian<uint32_t>;

template <typename T>
inline T LoadUnaligned(const void* p) {
  T v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
template <typename T>
inline void StoreUnaligned(void* p, T v) {
  std::memcpy(p, &v, sizeof(v));
}
inline uint16_t LoadBe16(const void* p) { return SwapBytes(LoadUnaligned<uint16_t>(p)); }
inline uint32_t LoadBe32(const void* p) { return SwapBytes(LoadUnaligned<uint32_t>(p)); }
inline void StoreBe16(void* p, uint16_t v) { StoreUnaligned(p, SwapBytes(v)); }
inline void StoreBe32(void* p, uint32_t v) { StoreUnaligned(p, SwapBytes(v)); }

}  // namespace flyover
