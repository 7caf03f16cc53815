// Which server a QUIC packet is for, by its connection id: QUIC-LB
// (draft-ietf-quic-load-balancers-21). A server writes its id into every connection id that it
// gives out, in the clear or encrypted with a key that the balancer has too, so that packets find
// it whatever address their client has by now. No state is needed.
//
//   first octet        bits 7 to 5: the configuration (7: none); the rest is the server's
//   server id          1 to 15 bytes
//   nonce              4 to 18 bytes, both together at most 19
//
// Encrypted are server id and nonce as one: as an AES block where they are 16 bytes, else by a
// Feistel network of four passes over their halves (5.4.2 of the draft).
//
// Threads: immutable, so any.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lb/quic/aes128.h"

namespace flyover::lb {

inline constexpr uint8_t kMaxQuicServerId = 15;
inline constexpr uint8_t kMinQuicNonce = 4;
inline constexpr uint8_t kMaxQuicPlaintext = 19;
inline constexpr uint8_t kQuicConfigs = 7;  // 0 to 6; 7 says that there is none

// The bytes of a server's id, and how many.
class QuicServerId {
 public:
  QuicServerId() = default;
  // REQUIRES: at most kMaxQuicServerId.
  explicit QuicServerId(std::span<const uint8_t> bytes);
  // Hexadecimal digits, two a byte.
  static std::optional<QuicServerId> Parse(std::string_view text);
  std::string ToString() const;

  size_t size() const { return bytes_[kMaxQuicServerId]; }
  std::strong_ordering operator<=>(const QuicServerId&) const = default;
  bool operator==(const QuicServerId&) const = default;

 private:
  std::array<uint8_t, kMaxQuicServerId + 1> bytes_{};  // the last one: how many
};

// 32 hexadecimal digits.
std::optional<AesBlock> ParseQuicKey(std::string_view text);
std::string QuicKeyText(const AesBlock& key);

struct QuicCidConfig {
  uint8_t rotation = 0;
  uint8_t server_id_length = 1;
  uint8_t nonce_length = kMinQuicNonce;
  std::optional<AesBlock> key;

  unsigned plaintext_length() const { return unsigned{server_id_length} + nonce_length; }
  bool operator==(const QuicCidConfig&) const = default;
};

class QuicCidDecoder {
 public:
  // REQUIRES: each rotation once and below kQuicConfigs, lengths as above; with a key,
  // Aes128::Supported().
  explicit QuicCidDecoder(std::span<const QuicCidConfig> configs);

  // Of the UDP payload's first `length` bytes. Nothing: they are no packet with a connection id of
  // ours. An id that a client has made up gives some id, too.
  std::optional<QuicServerId> ServerOf(const uint8_t* payload, size_t length) const;

 private:
  struct Rule {
    uint8_t server_id_length = 0;  // 0: there is no such configuration
    uint8_t plaintext_length = 0;
    std::optional<Aes128> cipher;
  };
  static AesBlock FourPasses(const Rule& rule, const uint8_t* ciphertext, AesBlock& second_half);

  std::array<Rule, kQuicConfigs + 1> rules_;
};

}  // namespace flyover::lb
