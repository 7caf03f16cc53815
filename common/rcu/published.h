// A pointer to an immutable T: one control-thread writer, many lcore readers.
#pragma once

#include <atomic>
#include <memory>

#include "common/rcu/qsbr_domain.h"

namespace flyover {

template <typename T>
class Published {
 public:
  Published() = default;
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;
  ~Published() { delete current_.load(std::memory_order_relaxed); }  // all readers have stopped

  // Reader: valid until this reader's next quiescent point. Load once a burst. Null before the
  // first Publish.
  const T* Load() const { return current_.load(std::memory_order_acquire); }

  // Control thread. Bursts that start from now on see `next`; the version it replaces is retired.
  void Publish(std::unique_ptr<const T> next, QsbrDomain& qsbr) {
    std::unique_ptr<const T> old(current_.exchange(next.release(), std::memory_order_acq_rel));
    qsbr.Retire(std::move(old));
  }

 private:
  std::atomic<const T*> current_{nullptr};
};

}  // namespace flyover
