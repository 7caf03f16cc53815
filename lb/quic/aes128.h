// AES-128 of single blocks (FIPS 197, mode ECB of SP 800-38A), by the processor's own instructions:
// a call per packet of a library that keeps state and may allocate has no place on an lcore.
#pragma once

#include <emmintrin.h>

#include <array>
#include <cstdint>

namespace flyover::lb {

using AesBlock = std::array<uint8_t, 16>;

class Aes128 {
 public:
  // Whether this processor has the instructions; without them nothing else may be used.
  static bool Supported();

  explicit Aes128(const AesBlock& key);
  AesBlock Encrypt(const AesBlock& block) const;
  AesBlock Decrypt(const AesBlock& block) const;

 private:
  static constexpr unsigned kRounds = 10;
  __m128i encrypt_[kRounds + 1];  // a template argument would lose their alignment
  __m128i decrypt_[kRounds + 1];  // of the equivalent inverse cipher
};

}  // namespace flyover::lb
