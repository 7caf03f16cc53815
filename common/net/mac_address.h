// An Ethernet address.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace flyover {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  // Twice a packet: two loads each, where the default would call memcmp.
  constexpr bool operator==(const MacAddress& other) const {
    return std::bit_cast<Words>(bytes) == std::bit_cast<Words>(other.bytes);
  }
  constexpr auto operator<=>(const MacAddress&) const = default;

  // The group bit: multicast and broadcast.
  constexpr bool IsMulticast() const { return (bytes[0] & 1) != 0; }
  constexpr bool IsBroadcast() const { return *this == Broadcast(); }
  constexpr bool IsZero() const { return *this == MacAddress{}; }
  static constexpr MacAddress Broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }

  // "02:00:00:00:00:0c"; six pairs of hexadecimal digits, nothing else.
  static std::optional<MacAddress> Parse(std::string_view text);
  std::string ToString() const;

 private:
  struct Words {
    std::array<uint16_t, 3> word;
    constexpr bool operator==(const Words& other) const {
      return ((word[0] ^ other.word[0]) | (word[1] ^ other.word[1]) | (word[2] ^ other.word[2])) ==
             0;
    }
  };
};
static_assert(sizeof(MacAddress) == 6);

}  // namespace flyover
