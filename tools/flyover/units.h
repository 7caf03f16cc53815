// Numbers for people.
#pragma once

#include <cstdint>
#include <string>

namespace flyover {

// 999 -> "999", 1234567 -> "1.2 M" (powers of 1000). Below 10,000 exact.
std::string HumanCount(uint64_t count);
// 1234567 -> "1,234,567".
std::string ExactCount(uint64_t count);
// 1536 -> "1.5 KiB" (powers of 1024).
std::string HumanBytes(uint64_t bytes);
// 0.25 -> "250 ms", 75 -> "1m 15s", 90000 -> "1d 1h".
std::string HumanDuration(double seconds);
// 33.333 -> "33.3 %".
std::string HumanPercent(double percent);
// 25000 -> "25 Gbit/s"; 0, which is unknown, -> "-".
std::string HumanSpeed(uint32_t mbps);

}  // namespace flyover
