// IPv4 and IPv6 addresses as values. Bytes are kept in network order; comparisons order as numbers
// do.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/byte_order.h"

namespace flyover {

enum class IpFamily : uint8_t { kIpv4 = 4, kIpv6 = 6 };

struct Ipv4Address {
  uint32_t value = 0;  // host order

  constexpr bool operator==(const Ipv4Address&) const = default;
  constexpr auto operator<=>(const Ipv4Address&) const = default;
  static std::optional<Ipv4Address> Parse(std::string_view text);
  std::string ToString() const;
  constexpr bool IsMulticast() const { return (value >> 28) == 0xe; }
};

struct Ipv6Address {
  std::array<uint8_t, 16> bytes{};  // network order

  constexpr bool operator==(const Ipv6Address&) const = default;
  constexpr auto operator<=>(const Ipv6Address&) const = default;
  static std::optional<Ipv6Address> Parse(std::string_view text);
  std::string ToString() const;
  constexpr bool IsMulticast() const { return bytes[0] == 0xff; }
  constexpr bool IsLinkLocal() const { return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }
  static Ipv6Address FromBytes(const void* p) {
    Ipv6Address a;
    std::memcpy(a.bytes.data(), p, 16);
    return a;
  }
};

// Either family. An IPv4 address lies in the first four bytes (network order), the rest is zero.
class IpAddress {
 public:
  constexpr IpAddress() = default;
  constexpr IpAddress(Ipv4Address a)
      : family_(IpFamily::kIpv4) {  // NOLINT(google-explicit-constructor)
    for (unsigned i = 0; i < 4; ++i) bytes_[i] = static_cast<uint8_t>(a.value >> (24 - 8 * i));
  }
  constexpr IpAddress(Ipv6Address a)  // NOLINT(google-explicit-constructor)
      : family_(IpFamily::kIpv6), bytes_(a.bytes) {}

  constexpr IpFamily family() const { return family_; }
  constexpr bool is_v4() const { return family_ == IpFamily::kIpv4; }
  constexpr bool is_v6() const { return family_ == IpFamily::kIpv6; }
  constexpr unsigned bits() const { return is_v4() ? 32 : 128; }
  // REQUIRES: the family matches.
  Ipv4Address v4() const { return Ipv4Address{LoadBe32(bytes_.data())}; }
  Ipv6Address v6() const { return Ipv6Address{bytes_}; }
  // 4 or 16 meaningful bytes, network order.
  const uint8_t* data() const { return bytes_.data(); }
  constexpr const std::array<uint8_t, 16>& bytes() const { return bytes_; }

  bool IsMulticast() const { return is_v4() ? v4().IsMulticast() : v6().IsMulticast(); }

  // By two words: on the data path, where the default one calls memcmp.
  constexpr bool operator==(const IpAddress& other) const {
    struct Words {
      uint64_t first, second;
    };
    const auto own = std::bit_cast<Words>(bytes_);
    const auto its = std::bit_cast<Words>(other.bytes_);
    return family_ == other.family_ && own.first == its.first && own.second == its.second;
  }
  constexpr auto operator<=>(const IpAddress&) const = default;

  static std::optional<IpAddress> Parse(std::string_view text);
  std::string ToString() const;

 private:
  IpFamily family_ = IpFamily::kIpv4;
  std::array<uint8_t, 16> bytes_{};
};

}  // namespace flyover

template <>
struct std::hash<flyover::IpAddress> {
  size_t operator()(const flyover::IpAddress& a) const noexcept {
    const uint64_t hi = flyover::LoadUnaligned<uint64_t>(a.data());
    const uint64_t lo = flyover::LoadUnaligned<uint64_t>(a.data() + 8);
    return (hi ^ (lo * 0x9e3779b97f4a7c15ULL)) * 0xff51afd7ed558ccdULL +
           static_cast<size_t>(a.family());
  }
};
