#include "tools/flyover/units.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace flyover {
namespace {

template <size_t kSize>
std::string Scaled(double value, double step, const std::array<std::string_view, kSize>& units) {
  size_t unit = 0;
  // What would round to a full step is shown in the next unit: 999,950 is 1.0 M, not 1000.0 k.
  while (unit + 1 < kSize && value >= step - 0.05) {
    value /= step;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace

std::string HumanCount(uint64_t count) {
  if (count < 10'000) return ExactCount(count);
  constexpr std::array<std::string_view, 7> kUnits = {"", "k", "M", "G", "T", "P", "E"};
  return Scaled(static_cast<double>(count), 1000, kUnits);
}

std::string ExactCount(uint64_t count) {
  const std::string digits = std::to_string(count);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string HumanBytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array<std::string_view, 7> kUnits = {"B",   "KiB", "MiB", "GiB",
                                                      "TiB", "PiB", "EiB"};
  return Scaled(static_cast<double>(bytes), 1024, kUnits);
}

std::string HumanDuration(double seconds) {
  if (!(seconds >= 0)) return "-";
  if (seconds > 0 && seconds < 1e-5) return fmt::format("{:.1f} us", seconds * 1e6);
  if (seconds < 0.001) return fmt::format("{:.0f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 10) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<uint64_t>(std::min(seconds, 1e15));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m {}s", whole / 60, whole % 60);
  if (whole < 86'400) return fmt::format("{}h {}m", whole / 3600, whole / 60 % 60);
  return fmt::format("{}d {}h", whole / 86'400, whole / 3600 % 24);
}

std::string HumanPercent(double percent) { return fmt::format("{:.1f} %", percent); }

std::string HumanSpeed(uint32_t mbps) {
  if (mbps == 0) return "-";
  if (mbps % 1000 == 0) return fmt::format("{} Gbit/s", mbps / 1000);
  if (mbps > 1000) return fmt::format("{:.1f} Gbit/s", mbps / 1000.0);
  return fmt::format("{} Mbit/s", mbps);
}

}  // namespace flyover
