#include "common/netlink/read_ahead.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "common/base/thread_cpus.h"

namespace flyover::netlink {

ReadAhead::ReadAhead(int fd, std::chrono::milliseconds timeout, std::span<const unsigned> cpus)
    : fd_(fd), timeout_(timeout), stop_fd_(eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::thread(
      [this, allowed = std::vector<unsigned>(cpus.begin(), cpus.end())] { Run(allowed); });
}

ReadAhead::~ReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  eventfd_write(stop_fd_, 1);
  thread_.join();
  close(stop_fd_);
}

std::optional<Bytes> ReadAhead::Next() {
  std::unique_lock lock(mutex_);
  if (lent_) {
    ++taken_;
    changed_.notify_one();
  }
  lent_ = true;
  changed_.wait(lock, [this] { return received_ > taken_; });
  const Block& block = blocks_[taken_ % kBlocks];
  if (block.size >= 0) return Bytes(block.bytes.data(), static_cast<size_t>(block.size));
  errno = block.error;
  return std::nullopt;
}

void ReadAhead::Run(const std::vector<unsigned>& cpus) {
  pthread_setname_np(pthread_self(), "flyover-dump");
  // Signals are the control thread's.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  RunOn(cpus);
  for (;;) {
    Block* block = nullptr;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_ || received_ - taken_ < kBlocks; });
      if (stop_) return;
      block = &blocks_[received_ % kBlocks];
    }
    block->bytes.resize(kDatagramBytes);
    block->size = ReceiveDatagram(fd_, block->bytes, timeout_, stop_fd_);
    block->error = errno;
    {
      const std::lock_guard lock(mutex_);
      ++received_;
    }
    changed_.notify_one();
    if (block->size < 0) return;
  }
}

}  // namespace flyover::netlink
