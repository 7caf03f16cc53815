// For this file alone: who calls has asked Supported().
#pragma GCC target("aes")
#include "lb/quic/aes128.h"

#include <wmmintrin.h>

namespace flyover::lb {
namespace {

__m128i Load(const AesBlock& block) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(block.data()));
}
AesBlock Store(__m128i value) {
  AesBlock block;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(block.data()), value);
  return block;
}

// FIPS 197 5.2: each word of a round key is the one before it, added to the one four earlier.
// `assist`: _mm_aeskeygenassist_si128 of the last round key.
__m128i NextRoundKey(__m128i key, __m128i assist) {
  const __m128i last = _mm_shuffle_epi32(assist, 0xff);
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, last);
}

}  // namespace

bool Aes128::Supported() { return __builtin_cpu_supports("aes") != 0; }

Aes128::Aes128(const AesBlock& key) {
  encrypt_[0] = Load(key);
  // The round constant is a part of the instruction.
#define FLYOVER_ROUND(i, constant) \
  encrypt_[i] = NextRoundKey(encrypt_[(i)-1], _mm_aeskeygenassist_si128(encrypt_[(i)-1], constant))
  FLYOVER_ROUND(1, 0x01);
  FLYOVER_ROUND(2, 0x02);
  FLYOVER_ROUND(3, 0x04);
  FLYOVER_ROUND(4, 0x08);
  FLYOVER_ROUND(5, 0x10);
  FLYOVER_ROUND(6, 0x20);
  FLYOVER_ROUND(7, 0x40);
  FLYOVER_ROUND(8, 0x80);
  FLYOVER_ROUND(9, 0x1b);
  FLYOVER_ROUND(10, 0x36);
#undef FLYOVER_ROUND
  decrypt_[0] = encrypt_[kRounds];
  for (unsigned i = 1; i < kRounds; ++i) decrypt_[i] = _mm_aesimc_si128(encrypt_[kRounds - i]);
  decrypt_[kRounds] = encrypt_[0];
}

AesBlock Aes128::Encrypt(const AesBlock& block) const {
  __m128i state = _mm_xor_si128(Load(block), encrypt_[0]);
  for (unsigned i = 1; i < kRounds; ++i) state = _mm_aesenc_si128(state, encrypt_[i]);
  return Store(_mm_aesenclast_si128(state, encrypt_[kRounds]));
}

AesBlock Aes128::Decrypt(const AesBlock& block) const {
  __m128i state = _mm_xor_si128(Load(block), decrypt_[0]);
  for (unsigned i = 1; i < kRounds; ++i) state = _mm_aesdec_si128(state, decrypt_[i]);
  return Store(_mm_aesdeclast_si128(state, decrypt_[kRounds]));
}

}  // namespace flyover::lb
