// Logging: levels per area, text or JSON lines on stderr. Callers include this file only; spdlog
// stays inside.
//
//   Log(LogArea::kNetlink, LogLevel::kWarn, "dump of {} took {} ms", table, ms);
//   LogLimited(LogArea::kPort, LogLevel::kWarn, port.name, "port {}: link is down", port.name);
//
// Threads: any, except forwarding lcores, which never log. No call blocks on a slow or full stderr
// and none throws: a line that cannot be written is counted and lost. Control characters and
// invalid UTF-8 in messages are escaped, so that one message is one line whatever a peer sent.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace flyover {

// X(enumerator, name in the document and in the lines)
#define FLYOVER_LOG_AREAS(X) \
  X(kDaemon, "daemon")       \
  X(kConfig, "config")       \
  X(kControl, "control")     \
  X(kMetrics, "metrics")     \
  X(kPort, "port")           \
  X(kTap, "tap")             \
  X(kNetlink, "netlink")     \
  X(kRouter, "router")       \
  X(kLb, "lb")               \
  X(kHealth, "health")

enum class LogArea : uint8_t {
#define X(name, label) name,
  FLYOVER_LOG_AREAS(X)
#undef X
      kCount,
};
enum class LogLevel : uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kOff };

std::string_view LogAreaName(LogArea area);
std::string_view LogLevelName(LogLevel level);
std::optional<LogArea> ParseLogArea(std::string_view name);
std::optional<LogLevel> ParseLogLevel(
    std::string_view name);  // trace, debug, info, warn, error, off

struct LogOptions {
  std::string level = "info";
  std::map<std::string, std::string> areas;  // area: level
  bool json = false;
};
// At start and again at reload. An unknown name is kInvalidArgument and changes nothing. From the
// first call on the process ignores SIGPIPE: a reader of our stderr that goes away must not end the
// daemon.
Status ConfigureLog(const LogOptions& options);

bool LogEnabled(LogArea area, LogLevel level);
// Lines that could not be written.
uint64_t LostLogLines();

namespace log_internal {
void Write(LogArea area, LogLevel level, fmt::string_view format, fmt::format_args args);
void WriteLimited(LogArea area, LogLevel level, std::string_view key, fmt::string_view format,
                  fmt::format_args args);
}  // namespace log_internal

template <typename... Args>
void Log(LogArea area, LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(area, level)) {
    log_internal::Write(area, level, format, fmt::make_format_args(args...));
  }
}

// At most one line per area and key in 10 seconds. The next line after a pause says how many were
// kept back.
template <typename... Args>
void LogLimited(LogArea area, LogLevel level, std::string_view key,
                fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(area, level)) {
    log_internal::WriteLimited(area, level, key, format, fmt::make_format_args(args...));
  }
}

// Says for each limited key whose pause is over how many lines were kept back since. Call every few
// seconds and before exit (`all`: also those whose pause lasts).
void ReportSuppressedLogs(bool all = false);

// For tests: takes all lines of every area and level while it lives, instead of stderr. One at a
// time.
class CaptureLog {
 public:
  struct Line {
    LogArea area;
    LogLevel level;
    std::string message;
  };
  CaptureLog();
  ~CaptureLog();
  CaptureLog(const CaptureLog&) = delete;
  CaptureLog& operator=(const CaptureLog&) = delete;
  std::vector<Line> lines() const;
  bool Contains(std::string_view text) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace flyover
