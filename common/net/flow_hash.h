// A keyed hash of what identifies a flow. 64 well mixed bits; users take different slices or other
// keys, so that ECMP, the Maglev table and the connection table do not choose alike (the
// polarisation trap).
//
// The mixer multiplies two 64-bit words into 128 bits and folds them. Without the key an attacker
// cannot aim flows at one bucket; the key comes from the document (so that two boxes agree) or from
// the kernel's random source.
#pragma once

#include <cstdint>

#include "common/net/byte_order.h"

namespace flyover {

struct HashKey {
  uint64_t a = 0x9e3779b97f4a7c15ULL;
  uint64_t b = 0xd1b54a32d192ed03ULL;
  bool operator==(const HashKey&) const = default;
};

// Spreads a small number (a seed of the document) over a whole key. `use` tells the users of one
// seed apart.
constexpr HashKey KeyFromSeed(uint64_t seed, uint64_t use) {
  const auto mix = [](uint64_t z) {  // SplitMix64's finaliser
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  };
  const uint64_t s = mix(seed + 0x9e3779b97f4a7c15ULL) ^ mix(use * 0xd1b54a32d192ed03ULL + 1);
  return {mix(s) | 1, mix(s + 0x9e3779b97f4a7c15ULL) | 1};
}

inline uint64_t Mum(uint64_t x, uint64_t y) {
  const auto product = static_cast<unsigned __int128>(x) * y;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// `ports`: source and destination port as they lie in the packet (source in the low half of a
// little-endian load), or 0 where there are none. `extra`: protocol, and the IPv6 flow label where
// it takes part.
inline uint64_t HashIpv4Flow(const HashKey& key, uint32_t src, uint32_t dst, uint32_t ports,
                             uint32_t extra) {
  const uint64_t addresses = (static_cast<uint64_t>(src) << 32) | dst;
  const uint64_t rest = (static_cast<uint64_t>(ports) << 32) | extra;
  return Mum(Mum(addresses ^ key.a, rest ^ key.b) ^ key.b, key.a ^ 0xa0761d6478bd642fULL);
}

// `addresses`: the 32 bytes of source and destination of an IPv6 header.
inline uint64_t HashIpv6Flow(const HashKey& key, const void* addresses, uint32_t ports,
                             uint32_t extra) {
  const auto* p = static_cast<const uint8_t*>(addresses);
  const uint64_t s =
      Mum(LoadUnaligned<uint64_t>(p) ^ key.a, LoadUnaligned<uint64_t>(p + 8) ^ key.b);
  const uint64_t d =
      Mum(LoadUnaligned<uint64_t>(p + 16) ^ key.b, LoadUnaligned<uint64_t>(p + 24) ^ key.a);
  const uint64_t rest = (static_cast<uint64_t>(ports) << 32) | extra;
  return Mum(Mum(s ^ key.b, d ^ 0xe7037ed1a0b428dbULL) ^ rest, key.a ^ 0xa0761d6478bd642fULL);
}

// Maps 32 well mixed bits onto [0, n) without a division.
inline uint32_t ReduceHash(uint32_t hash, uint32_t n) {
  return static_cast<uint32_t>((static_cast<uint64_t>(hash) * n) >> 32);
}

}  // namespace flyover
