#include "common/log/log.h"

#include <signal.h>
#include <spdlog/logger.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <utility>

#include "common/log/limiter.h"
#include "common/log/stderr_sink.h"

namespace flyover {
namespace {

constexpr size_t kAreaCount = static_cast<size_t>(LogArea::kCount);
constexpr std::array<std::string_view, kAreaCount> kAreaNames = {
#define X(name, label) label,
    FLYOVER_LOG_AREAS(X)
#undef X
};
constexpr std::array<std::string_view, 6> kLevelNames = {"trace", "debug", "info",
                                                         "warn",  "error", "off"};

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  constexpr std::array<spdlog::level::level_enum, 6> kLevels = {
      spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
      spdlog::level::warn,  spdlog::level::err,   spdlog::level::off};
  return kLevels[static_cast<size_t>(level)];
}

struct State {
  std::shared_ptr<StderrSink> sink = std::make_shared<StderrSink>(STDERR_FILENO);
  std::array<std::unique_ptr<spdlog::logger>, kAreaCount> loggers;
  std::mutex limiter_mutex;
  LogLimiter limiter;  // guarded by limiter_mutex

  State() {
    for (size_t i = 0; i < kAreaCount; ++i) {
      loggers[i] = std::make_unique<spdlog::logger>(std::string(kAreaNames[i]), sink);
      loggers[i]->set_level(spdlog::level::info);
      loggers[i]->set_error_handler([sink = sink](const std::string&) { sink->CountLost(); });
    }
  }
};

// Never destroyed: other threads may log while the process ends.
State& GetState() {
  static State& state = *new State();
  return state;
}

spdlog::logger& Logger(LogArea area) { return *GetState().loggers[static_cast<size_t>(area)]; }

// The one place where fmt's and spdlog's exceptions (no memory) end.
void Emit(LogArea area, LogLevel level, fmt::string_view format, fmt::format_args args,
          uint64_t suppressed) {
  try {
    std::string message = fmt::vformat(format, args);
    if (suppressed > 0) {
      message += fmt::format(" ({} more like this were kept back)", suppressed);
    }
    Logger(area).log(ToSpdlog(level), message);
  } catch (const std::exception&) {
    GetState().sink->CountLost();
  }
}

template <size_t kSize>
std::string Join(const std::array<std::string_view, kSize>& names) {
  std::string text;
  for (const std::string_view name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

}  // namespace

std::string_view LogAreaName(LogArea area) { return kAreaNames[static_cast<size_t>(area)]; }
std::string_view LogLevelName(LogLevel level) { return kLevelNames[static_cast<size_t>(level)]; }

std::optional<LogArea> ParseLogArea(std::string_view name) {
  for (size_t i = 0; i < kAreaCount; ++i) {
    if (kAreaNames[i] == name) return static_cast<LogArea>(i);
  }
  return std::nullopt;
}

std::optional<LogLevel> ParseLogLevel(std::string_view name) {
  for (size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

Status ConfigureLog(const LogOptions& options) {
  const auto bad_level = [](const std::string& level) {
    return Status(StatusCode::kInvalidArgument,
                  "log level '" + level + "' is unknown; accepted: " + Join(kLevelNames));
  };
  const auto general = ParseLogLevel(options.level);
  if (!general) return bad_level(options.level);
  std::array<LogLevel, kAreaCount> levels;
  levels.fill(*general);
  for (const auto& [name, level_name] : options.areas) {
    const auto area = ParseLogArea(name);
    if (!area) {
      return {StatusCode::kInvalidArgument,
              "log area '" + name + "' is unknown; accepted: " + Join(kAreaNames)};
    }
    const auto level = ParseLogLevel(level_name);
    if (!level) return bad_level(level_name);
    levels[static_cast<size_t>(*area)] = *level;
  }
  signal(SIGPIPE, SIG_IGN);
  State& state = GetState();
  state.sink->set_json(options.json);
  for (size_t i = 0; i < kAreaCount; ++i) state.loggers[i]->set_level(ToSpdlog(levels[i]));
  return Status::Ok();
}

bool LogEnabled(LogArea area, LogLevel level) { return Logger(area).should_log(ToSpdlog(level)); }

uint64_t LostLogLines() { return GetState().sink->lost(); }

namespace log_internal {

void Write(LogArea area, LogLevel level, fmt::string_view format, fmt::format_args args) {
  Emit(area, level, format, args, 0);
}

void WriteLimited(LogArea area, LogLevel level, std::string_view key, fmt::string_view format,
                  fmt::format_args args) {
  State& state = GetState();
  LogLimiter::Verdict verdict;
  {
    const std::lock_guard lock(state.limiter_mutex);
    verdict = state.limiter.Admit(area, level, key, std::chrono::steady_clock::now());
  }
  if (verdict.write) Emit(area, level, format, args, verdict.suppressed);
}

}  // namespace log_internal

void ReportSuppressedLogs(bool all) {
  State& state = GetState();
  std::vector<LogLimiter::Suppressed> reports;
  {
    const std::lock_guard lock(state.limiter_mutex);
    reports = state.limiter.Collect(std::chrono::steady_clock::now(), all);
  }
  for (const auto& report : reports) {
    Log(report.area, report.level, "{}: {} more lines were kept back", report.key, report.count);
  }
}

struct CaptureLog::Impl {
  mutable std::mutex mutex;
  std::vector<Line> lines;  // guarded by mutex
  std::array<spdlog::level::level_enum, kAreaCount> levels;
};

CaptureLog::CaptureLog() : impl_(std::make_unique<Impl>()) {
  State& state = GetState();
  state.sink->set_capture(
      [impl = impl_.get()](std::string_view area, int level, std::string_view message) {
        const std::lock_guard lock(impl->mutex);
        impl->lines.push_back({ParseLogArea(area).value_or(LogArea::kDaemon),
                               static_cast<LogLevel>(level), std::string(message)});
      });
  for (size_t i = 0; i < kAreaCount; ++i) {
    impl_->levels[i] = state.loggers[i]->level();
    state.loggers[i]->set_level(spdlog::level::trace);
  }
}

CaptureLog::~CaptureLog() {
  State& state = GetState();
  for (size_t i = 0; i < kAreaCount; ++i) state.loggers[i]->set_level(impl_->levels[i]);
  state.sink->set_capture({});
}

std::vector<CaptureLog::Line> CaptureLog::lines() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->lines;
}

bool CaptureLog::Contains(std::string_view text) const {
  const std::lock_guard lock(impl_->mutex);
  for (const Line& line : impl_->lines) {
    if (line.message.find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace flyover
