// Where lines end: a descriptor that may be slow, full or gone. A write never waits: what the
// descriptor does not take at once is counted and lost.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>

namespace flyover {

class StderrSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  // The descriptor stays the caller's.
  explicit StderrSink(int fd) : fd_(fd) {}

  void set_json(bool json) { json_.store(json, std::memory_order_relaxed); }
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }
  void CountLost() { lost_.fetch_add(1, std::memory_order_relaxed); }

  // Gets each line instead of the descriptor (area, level, message); empty: the descriptor again.
  using Capture = std::function<void(std::string_view, int, std::string_view)>;
  void set_capture(Capture capture);

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  bool WriteAll(std::string_view line);

  const int fd_;
  std::atomic<bool> json_{false};
  std::atomic<uint64_t> lost_{0};
  bool torn_ =
      false;  // the last line got out in part; guarded by base_sink's mutex, as is capture_
  Capture capture_;
};

}  // namespace flyover
