#include "common/control/control_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

namespace flyover {
namespace {

constexpr size_t kReadChunk = size_t{64} << 10;
// Per turn of the loop, so that one fast reader of a long answer does not hold up the others.
constexpr size_t kWritePerTurn = size_t{4} << 20;

}  // namespace

ControlConnection::ControlConnection(EventLoop& loop, int fd, Options options)
    : loop_(loop), fd_(fd), options_(std::move(options)) {}

ControlConnection::~ControlConnection() {
  io_ = {};
  close(fd_);
}

std::shared_ptr<ControlConnection> ControlConnection::Open(EventLoop& loop, int fd,
                                                           Options options) {
  std::shared_ptr<ControlConnection> connection(
      new ControlConnection(loop, fd, std::move(options)));
  connection->StartReading();
  return connection;
}

void ControlConnection::StartReading() {
  io_ = loop_.WatchFd(fd_, {.read = true}, [this](FdEvents) { OnReadable(); });
  timer_ = loop_.RunAfter(options_.line_timeout, [this] { OnLineTimeout(); });
}

void ControlConnection::OnReadable() {
  static thread_local std::vector<char> chunk(kReadChunk);
  // recv without room for ancillary data: descriptors that the client passes are closed by the
  // kernel.
  const ssize_t n = recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return Close();
  input_.append(chunk.data(), static_cast<size_t>(n));
  HandleBuffered();
}

void ControlConnection::HandleBuffered() {
  const size_t end = input_.find('\n', scanned_);
  if (end == std::string::npos && input_.size() <= options_.max_line) {
    scanned_ = input_.size();
    if (!io_) StartReading();
    return;
  }
  io_ = {};
  timer_ = {};
  if (end == std::string::npos || end > options_.max_line) {
    input_ = {};
    return Fail(Fault::kLineTooLong);
  }
  std::string line = end + 1 == input_.size() ? std::exchange(input_, {}) : input_.substr(0, end);
  line.resize(end);
  if (!input_.empty()) input_.erase(0, end + 1);
  scanned_ = 0;
  const auto keep = shared_from_this();
  options_.on_line(line);
}

void ControlConnection::OnLineTimeout() {
  if (input_.empty()) return Close();
  io_ = {};
  timer_ = {};
  Fail(Fault::kLineTimeout);
}

void ControlConnection::Fail(Fault fault) {
  const auto keep = shared_from_this();
  options_.on_fault(fault);
}

void ControlConnection::Send(std::string text, bool then_close) {
  if (closed_ || !output_.empty()) return;
  output_ = std::move(text);
  sent_ = 0;
  close_after_send_ = then_close;
  timer_ = loop_.RunAfter(options_.write_timeout, [this] {
    const auto keep = shared_from_this();
    options_.on_fault(Fault::kWriteTimeout);
    Close();
  });
  Flush();
}

void ControlConnection::Flush() {
  const size_t turn_end = std::min(output_.size(), sent_ + kWritePerTurn);
  while (sent_ < turn_end) {
    const ssize_t n =
        send(fd_, output_.data() + sent_, turn_end - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) return Close();
    sent_ += static_cast<size_t>(n);
  }
  if (sent_ == output_.size()) return Finish();
  if (!io_) io_ = loop_.WatchFd(fd_, {.write = true}, [this](FdEvents) { Flush(); });
}

void ControlConnection::Finish() {
  output_ = {};
  io_ = {};
  timer_ = {};
  if (close_after_send_) return Close();
  // From the loop, not from here: a client that sends many lines at once must not deepen the stack.
  loop_.Post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self && !self->closed_) self->HandleBuffered();
  });
}

void ControlConnection::Close() {
  if (closed_) return;
  closed_ = true;
  io_ = {};
  timer_ = {};
  output_ = {};
  const auto keep = shared_from_this();
  options_.on_closed();
}

}  // namespace flyover
