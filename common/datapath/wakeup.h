// Wakes a thread that sleeps, and costs the one that wakes nothing but a fence and a load while it
// does not: the eventfd is written only when the sleeper has said that it sleeps.
//
// Order: the sleeper says so (Announce), then looks at its rings once more, then sleeps; the other
// side fills a ring, then looks whether somebody sleeps. One of the two sees the other.
//
// Threads: Announce, Awake and fd belong to the sleeper; Wake may be called by any thread.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>

namespace flyover {

class Wakeup {
 public:
  Wakeup() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~Wakeup() {
    if (fd_ >= 0) close(fd_);
  }
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // Readable once somebody woke the sleeper. -1: the process has no descriptor left.
  int fd() const { return fd_; }

  void Announce() {
    asleep_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  void Awake() {
    asleep_.store(false, std::memory_order_relaxed);
    eventfd_t count = 0;
    (void)eventfd_read(fd_, &count);
  }

  void Wake() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_relaxed)) (void)eventfd_write(fd_, 1);
  }

 private:
  const int fd_;
  std::atomic<bool> asleep_{false};
};

}  // namespace flyover
