#include "common/log/line_format.h"

#include <fmt/core.h>

#include <cstdint>
#include <ctime>

#include "common/log/utf8.h"

namespace flyover {
namespace {

void AppendEscaped(std::string& out, std::string_view text, bool json) {
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    const auto first = static_cast<uint8_t>(text[0]);
    if (length == 0) {
      out += json ? "\\ufffd" : fmt::format("\\x{:02x}", first);
      text.remove_prefix(1);
      continue;
    }
    const bool c1 = length == 2 && first == 0xc2 && static_cast<uint8_t>(text[1]) < 0xa0;
    if (c1) {
      out += fmt::format("\\u{:04x}", static_cast<uint8_t>(text[1]));
    } else if (first == '\n') {
      out += "\\n";
    } else if (first < 0x20 || first == 0x7f) {
      out += json ? fmt::format("\\u{:04x}", first) : fmt::format("\\x{:02x}", first);
    } else {
      if (json && (first == '"' || first == '\\')) out += '\\';
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
}

}  // namespace

std::string FormatLogLine(bool json, std::chrono::system_clock::time_point time,
                          std::string_view level, std::string_view area, std::string_view message) {
  using std::chrono::duration_cast;
  const auto ms = duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const time_t seconds = ms / 1000;
  tm utc{};
  gmtime_r(&seconds, &utc);
  const std::string stamp =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                  utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, ms % 1000);
  const bool cut = message.size() > kMaxLogMessage;
  if (cut) message = message.substr(0, kMaxLogMessage);
  std::string line = json ? fmt::format(R"({{"time":"{}","level":"{}","area":"{}","message":")",
                                        stamp, level, area)
                          : fmt::format("{} {} {}: ", stamp, level, area);
  AppendEscaped(line, message, json);
  if (cut) line += "...";
  line += json ? "\"}\n" : "\n";
  return line;
}

}  // namespace flyover
