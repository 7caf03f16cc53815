// Wakes a thread that sleeps, and costs the one that wakes one atomic operation while it does not:
// the eventfd is written only when the sleeper has said that it sleeps.
//
// Order: the sleeper says so (Announce), then looks at its rings once more, then sleeps; the other
// side fills a ring, then asks whether somebody sleeps (Wake). Both are read-modify-write
// operations on one variable: whichever comes second has seen what the first did before it.
//
// Threads: Announce, Awake and fd belong to the sleeper; Wake may be called by any thread.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

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

  void Announce() { asleep_.exchange(1, std::memory_order_acq_rel); }
  void Awake() {
    asleep_.store(0, std::memory_order_relaxed);
    eventfd_t count = 0;
    (void)eventfd_read(fd_, &count);
  }

  void Wake() {
    if (asleep_.fetch_or(0, std::memory_order_acq_rel) != 0) (void)eventfd_write(fd_, 1);
  }

 private:
  const int fd_;
  std::atomic<uint32_t> asleep_{0};  // 0 or 1
};

}  // namespace flyover
