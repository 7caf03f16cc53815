#include "lb/quic/quic_cid.h"

#include <algorithm>
#include <cassert>

namespace flyover::lb {
namespace {

constexpr uint8_t kLongHeader = 0x80;           // RFC 8999 5.1
constexpr size_t kLongHeaderIdLength = 5;       // behind first byte and version
constexpr size_t kLengthAt = 14, kPassAt = 15;  // of what a pass encrypts

std::optional<unsigned> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

// Fills `bytes`, exactly, from two digits each.
bool ParseHex(std::string_view text, std::span<uint8_t> bytes) {
  if (text.size() != 2 * bytes.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digit = HexDigit(text[i]);
    if (!digit) return false;
    bytes[i / 2] = static_cast<uint8_t>(bytes[i / 2] << 4 | *digit);
  }
  return true;
}

std::string HexText(std::span<const uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// A half of the network: what both halves share where the whole has an odd number of bytes is a
// byte of which each has four bits.
struct Halves {
  unsigned length;  // of the whole
  size_t size;      // of each
  bool odd;

  explicit Halves(unsigned whole) : length(whole), size((whole + 1) / 2), odd(whole % 2 != 0) {}

  void TrimLeft(AesBlock& left) const {
    if (odd) left[size - 1] &= 0xf0;
  }
  void TrimRight(AesBlock& right) const {
    if (odd) right[0] &= 0x0f;
  }
  // `half` XOR the first bytes of what the cipher makes of `other` in this pass.
  AesBlock Pass(const Aes128& cipher, uint8_t pass, const AesBlock& half, AesBlock other) const {
    other[kLengthAt] = static_cast<uint8_t>(length);
    other[kPassAt] = pass;
    const AesBlock mask = cipher.Encrypt(other);
    AesBlock mixed{};
    for (size_t i = 0; i < size; ++i) mixed[i] = half[i] ^ mask[i];
    return mixed;
  }
};

}  // namespace

QuicServerId::QuicServerId(std::span<const uint8_t> bytes) {
  assert(bytes.size() <= kMaxQuicServerId);
  std::ranges::copy(bytes, bytes_.begin());
  bytes_[kMaxQuicServerId] = static_cast<uint8_t>(bytes.size());
}

std::optional<QuicServerId> QuicServerId::Parse(std::string_view text) {
  std::array<uint8_t, kMaxQuicServerId> bytes{};
  const size_t size = text.size() / 2;
  if (size == 0 || size > bytes.size()) return {};
  if (!ParseHex(text, std::span(bytes.data(), size))) return {};
  return QuicServerId(std::span(bytes.data(), size));
}

std::string QuicServerId::ToString() const { return HexText(std::span(bytes_.data(), size())); }

std::optional<AesBlock> ParseQuicKey(std::string_view text) {
  AesBlock key{};
  if (!ParseHex(text, key)) return {};
  return key;
}

std::string QuicKeyText(const AesBlock& key) { return HexText(key); }

QuicCidDecoder::QuicCidDecoder(std::span<const QuicCidConfig> configs) {
  for (const QuicCidConfig& config : configs) {
    assert(config.rotation < kQuicConfigs && config.plaintext_length() <= kMaxQuicPlaintext);
    Rule& rule = rules_[config.rotation];
    rule.server_id_length = config.server_id_length;
    rule.plaintext_length = static_cast<uint8_t>(config.plaintext_length());
    if (config.key) rule.cipher.emplace(*config.key);
  }
}

// Server id and nonce, or as much of them as holds the server id: the first half, and what of the
// second is needed.
AesBlock QuicCidDecoder::FourPasses(const Rule& rule, const uint8_t* ciphertext,
                                    AesBlock& second_half) {
  const Halves halves(rule.plaintext_length);
  AesBlock left{}, right{};
  std::copy_n(ciphertext, halves.size, left.begin());
  std::copy_n(ciphertext + rule.plaintext_length - halves.size, halves.size, right.begin());
  halves.TrimLeft(left);
  halves.TrimRight(right);
  left = halves.Pass(*rule.cipher, 4, left, right);
  halves.TrimLeft(left);
  right = halves.Pass(*rule.cipher, 3, right, left);
  halves.TrimRight(right);
  left = halves.Pass(*rule.cipher, 2, left, right);
  halves.TrimLeft(left);
  if (rule.server_id_length > rule.plaintext_length / 2) {
    right = halves.Pass(*rule.cipher, 1, right, left);
    halves.TrimRight(right);
  }
  second_half = right;
  return left;
}

std::optional<QuicServerId> QuicCidDecoder::ServerOf(const uint8_t* payload, size_t length) const {
  if (length < 2) return {};
  const uint8_t* id = payload + 1;
  size_t room = length - 1;
  if ((payload[0] & kLongHeader) != 0) {
    if (length <= kLongHeaderIdLength + 1) return {};
    id = payload + kLongHeaderIdLength + 1;
    room = payload[kLongHeaderIdLength];
    if (room > length - kLongHeaderIdLength - 1 || room == 0) return {};
  }
  const Rule& rule = rules_[id[0] >> 5];
  if (rule.server_id_length == 0 || room < 1u + rule.plaintext_length) return {};
  const uint8_t* const text = id + 1;
  if (!rule.cipher) return QuicServerId(std::span(text, rule.server_id_length));

  std::array<uint8_t, 2 * sizeof(AesBlock)> plain{};
  if (rule.plaintext_length == sizeof(AesBlock)) {
    AesBlock block;
    std::copy_n(text, block.size(), block.begin());
    std::ranges::copy(rule.cipher->Decrypt(block), plain.begin());
  } else {
    AesBlock second;
    const AesBlock first = FourPasses(rule, text, second);
    const size_t whole = rule.plaintext_length / 2;  // bytes that the first half has alone
    const bool odd = rule.plaintext_length % 2 != 0;
    std::ranges::copy(first, plain.begin());
    if (odd) plain[whole] = first[whole] | second[0];
    std::copy(second.begin() + (odd ? 1 : 0), second.end(),
              plain.begin() + static_cast<ptrdiff_t>(whole + (odd ? 1 : 0)));
  }
  return QuicServerId(std::span(plain.data(), rule.server_id_length));
}

}  // namespace flyover::lb
