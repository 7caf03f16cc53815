// The control thread's event loop: file descriptors, timers, signals and work handed over by other
// threads. A thin owner of one libevent base (the only includer of libevent is event_loop.cc).
//
// Threads: one thread constructs, registers and runs. Post() and Stop() may be called from any
// thread; everything else, and every callback, belongs to the loop's thread. Callbacks may end any
// registration, their own included.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace flyover {

// What a descriptor is watched for, and what was seen.
struct FdEvents {
  bool read = false;  // also set when the other side hung up
  bool write = false;
};

class EventLoop {
 public:
  // A registration lives as long as this handle. An empty one registers nothing. Must not outlive
  // the loop.
  class Handle {
   public:
    Handle();
    ~Handle();
    Handle(Handle&&) noexcept;
    Handle& operator=(Handle&&) noexcept;
    explicit operator bool() const { return event_ != nullptr; }

   private:
    friend class EventLoop;
    struct Event;
    std::shared_ptr<Event> event_;
  };

  EventLoop();  // ends the process when the kernel gives no descriptors for it (nothing can run
                // without)
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Level triggered. The descriptor stays the caller's and must outlive the handle.
  [[nodiscard]] Handle WatchFd(int fd, FdEvents interest, std::function<void(FdEvents)> callback);
  // Monotonic time; setting the clock does not move timers.
  [[nodiscard]] Handle RunAfter(std::chrono::milliseconds delay, std::function<void()> callback);
  [[nodiscard]] Handle RunEvery(std::chrono::milliseconds period, std::function<void()> callback);
  // Takes over the process's handling of the signal while the handle lives. Threads other than the
  // loop's should block the signal, or it interrupts their system calls.
  [[nodiscard]] Handle OnSignal(int signal, std::function<void()> callback);

  // Runs `work` on the loop's thread soon, in the order of the calls. Never blocks for long.
  void Post(std::function<void()> work);

  // Until Stop(). What was posted before Stop() is still done.
  void Run();
  void Stop();
  // Handles what is ready now, without waiting. For tests and for draining at shutdown.
  void RunReady();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace flyover
