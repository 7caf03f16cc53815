#include "common/base/quantity.h"

#include <charconv>

namespace flyover {
namespace {

// All of `text`, digits only.
std::optional<uint32_t> Digits(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<HundredthsOfPercent> ParsePercent(std::string_view text) {
  if (text.empty() || text.back() != '%') return std::nullopt;
  text.remove_suffix(1);
  const size_t point = text.find('.');
  const std::string_view whole_text = text.substr(0, point);
  const auto whole = Digits(whole_text);
  if (!whole || *whole > 100 || whole_text.size() > 3) return std::nullopt;
  uint32_t hundredths = 0;
  if (point != std::string_view::npos) {
    const std::string_view decimals = text.substr(point + 1);
    const auto value = Digits(decimals);
    if (!value || decimals.size() > 2) return std::nullopt;
    hundredths = decimals.size() == 1 ? *value * 10 : *value;
  }
  const uint32_t share = *whole * 100 + hundredths;
  if (share > 10'000) return std::nullopt;
  return share;
}

std::string PercentText(HundredthsOfPercent share) {
  std::string text = std::to_string(share / 100);
  if (const uint32_t rest = share % 100; rest != 0) {
    text += '.';
    text += static_cast<char>('0' + rest / 10);
    if (rest % 10 != 0) text += static_cast<char>('0' + rest % 10);
  }
  return text + "%";
}

std::optional<std::chrono::seconds> ParseSeconds(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const char unit = text.back();
  const uint32_t factor = unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : 0;
  text.remove_suffix(1);
  const auto number = Digits(text);
  if (factor == 0 || !number || *number == 0 || *number > 86'400 / factor) return std::nullopt;
  return std::chrono::seconds(*number * factor);
}

}  // namespace flyover
