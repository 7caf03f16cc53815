// Ports of a service that clients know. A value.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace flyover::lb {

// Both ends included.
struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0;

  static constexpr PortRange One(uint16_t port) { return {port, port}; }
  static constexpr PortRange Any() { return {0, UINT16_MAX}; }
  constexpr bool IsOne() const { return first == last; }
  constexpr bool IsAny() const { return first == 0 && last == UINT16_MAX; }
  constexpr bool Contains(uint16_t port) const { return first <= port && port <= last; }
  constexpr bool Overlaps(const PortRange& other) const {
    return first <= other.last && other.first <= last;
  }
  constexpr auto operator<=>(const PortRange&) const = default;

  // "80", "8000-8100" or "any"; of ports from 1 on, the lower one first.
  static std::optional<PortRange> Parse(std::string_view text);
  std::string ToString() const;
};

}  // namespace flyover::lb
