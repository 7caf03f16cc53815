#include "lb/config/port_range.h"

#include <charconv>

namespace flyover::lb {
namespace {

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

std::optional<PortRange> PortRange::Parse(std::string_view text) {
  if (text == "any") return Any();
  const size_t dash = text.find('-');
  const auto first = ParsePort(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : ParsePort(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return PortRange{*first, *last};
}

std::string PortRange::ToString() const {
  if (IsAny()) return "any";
  return IsOne() ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
}

}  // namespace flyover::lb
