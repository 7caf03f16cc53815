// The two quantities that both documents and command lines spell: a share and a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace flyover {

// A share in hundredths of a percent, so that comparing is exact. 100 %: 10,000.
using HundredthsOfPercent = uint32_t;

// "5%", "0.25%", "100%": digits, at most two decimals, at most 100. Nothing for anything else.
std::optional<HundredthsOfPercent> ParsePercent(std::string_view text);
// 25 -> "0.25%", 500 -> "5%".
std::string PercentText(HundredthsOfPercent share);

// "60s", "5m", "2h": whole, from 1 second to 24 hours. Nothing for anything else.
std::optional<std::chrono::seconds> ParseSeconds(std::string_view text);

}  // namespace flyover
