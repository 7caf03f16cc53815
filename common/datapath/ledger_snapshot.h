// How the control thread reads a forwarding thread's books without stopping it: it asks, and the
// owner copies them at its own quiescent point, where its equation balances (ledger.h).
//
// Threads: Request, Ready, ledger and held belong to the control thread; Wanted and Answer to the
// owner. The copy is the owner's between Request and Ready, and the control thread's at all other
// times.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/datapath/ledger.h"

namespace flyover {

class LedgerSnapshot {
 public:
  // REQUIRES: the previous request was answered.
  void Request() {
    requested_.store(requested_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  bool Ready() const {
    return answered_.load(std::memory_order_acquire) == requested_.load(std::memory_order_relaxed);
  }
  // REQUIRES: Ready().
  const Ledger& ledger() const { return ledger_; }
  const HeldCounts& held() const { return held_; }

  // Owner: one load in the common case.
  bool Wanted() const {
    return requested_.load(std::memory_order_acquire) != answered_.load(std::memory_order_relaxed);
  }
  void Answer(const Ledger& ledger, const HeldCounts& held) {
    ledger_ = ledger;
    held_ = held;
    answered_.store(requested_.load(std::memory_order_relaxed), std::memory_order_release);
  }

 private:
  alignas(64) std::atomic<uint64_t> requested_{0};
  alignas(64) std::atomic<uint64_t> answered_{0};
  Ledger ledger_;
  HeldCounts held_{};
};

}  // namespace flyover
