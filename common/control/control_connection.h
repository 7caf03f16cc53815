// One client's stream: lines in, answers out, one at a time, each against the clock. Knows nothing
// of JSON.
//
//   reading --line--> busy (nothing is read) --Send()--> sending --all taken--> reading ...
//
// Threads: the loop's.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/control/event_loop.h"

namespace flyover {

class ControlConnection : public std::enable_shared_from_this<ControlConnection> {
 public:
  enum class Fault {
    kLineTooLong,
    kLineTimeout,   // a part of a line came, and no more
    kWriteTimeout,  // the answer was not taken
  };
  struct Options {
    size_t max_line = 0;
    std::chrono::milliseconds line_timeout{0};
    std::chrono::milliseconds write_timeout{0};
    std::function<void(std::string_view line)> on_line;  // owes one Send()
    // kLineTooLong and kLineTimeout owe a Send(..., true); after kWriteTimeout comes on_closed.
    std::function<void(Fault)> on_fault;
    std::function<void()> on_closed;  // the last call; may drop the connection
  };
  // Takes over the non-blocking descriptor.
  static std::shared_ptr<ControlConnection> Open(EventLoop& loop, int fd, Options options);
  ~ControlConnection();
  ControlConnection(const ControlConnection&) = delete;
  ControlConnection& operator=(const ControlConnection&) = delete;

  void Send(std::string text, bool then_close);
  size_t pending_output() const { return output_.size(); }

 private:
  ControlConnection(EventLoop& loop, int fd, Options options);
  void StartReading();
  void OnReadable();
  void HandleBuffered();
  void OnLineTimeout();
  void Flush();
  void Finish();
  void Fail(Fault fault);
  void Close();

  EventLoop& loop_;
  const int fd_;
  const Options options_;
  bool closed_ = false;
  bool close_after_send_ = false;
  std::string input_;
  size_t scanned_ = 0;  // bytes of input_ known to hold no newline
  std::string output_;
  size_t sent_ = 0;
  EventLoop::Handle io_;
  EventLoop::Handle timer_;
};

}  // namespace flyover
