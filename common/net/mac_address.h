// An Ethernet address.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "common/net/byte_order.h"

namespace flyover {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  // Twice a packet: two loads each, where the default would call memcmp.
  constexpr bool operator==(const MacAddress& other) const {
    if (std::is_constant_evaluated()) return bytes == other.bytes;
    const uint8_t* const a = bytes.data();
    const uint8_t* const b = other.bytes.data();
    return ((LoadUnaligned<uint32_t>(a) ^ LoadUnaligned<uint32_t>(b)) |
            static_cast<uint32_t>(LoadUnaligned<uint16_t>(a + 4) ^
                                  LoadUnaligned<uint16_t>(b + 4))) == 0;
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
};
static_assert(sizeof(MacAddress) == 6);

// For what has no address of its own: locally administered, the same for the same name.
MacAddress LocalMacOf(std::string_view name);

}  // namespace flyover
