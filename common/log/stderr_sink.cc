#include "common/log/stderr_sink.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>
#include <utility>

#include "common/log/line_format.h"
#include "common/log/log.h"

namespace flyover {

void StderrSink::set_capture(Capture capture) {
  const std::lock_guard lock(mutex_);
  capture_ = std::move(capture);
}

bool StderrSink::WriteAll(std::string_view line) {
  while (!line.empty()) {
    // A pipe that polls writable takes PIPE_BUF bytes without waiting. O_NONBLOCK would be set on
    // the open file that we share with whoever started us, so it is not an option.
    pollfd poll_fd{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (poll(&poll_fd, 1, 0) != 1 || (poll_fd.revents & POLLOUT) == 0) return false;
    const ssize_t n = write(fd_, line.data(), std::min<size_t>(line.size(), PIPE_BUF));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    torn_ = true;
    line.remove_prefix(static_cast<size_t>(n));
  }
  torn_ = false;
  return true;
}

void StderrSink::sink_it_(const spdlog::details::log_msg& message) {
  const std::string_view area(message.logger_name.data(), message.logger_name.size());
  const std::string_view payload(message.payload.data(), message.payload.size());
  if (capture_) {
    capture_(area, message.level, payload);
    return;
  }
  const auto level = LogLevelName(static_cast<LogLevel>(message.level));
  std::string line =
      FormatLogLine(json_.load(std::memory_order_relaxed), message.time, level, area, payload);
  if ((torn_ && !WriteAll("\n")) || !WriteAll(line)) CountLost();
}

}  // namespace flyover
