// One log line, as text or as a JSON object. Whatever the message holds, the line holds no control
// character and is valid UTF-8.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace flyover {

// Longer messages are cut.
inline constexpr size_t kMaxLogMessage = 16'384;

// With the newline.
//   2026-01-31T09:05:07.042Z warn netlink: messages were lost, dumping again
//   {"time":"2026-01-31T09:05:07.042Z","level":"warn","area":"netlink","message":"..."}
std::string FormatLogLine(bool json, std::chrono::system_clock::time_point time,
                          std::string_view level, std::string_view area, std::string_view message);

}  // namespace flyover
