// The books of the whole data plane, gathered from every forwarding thread without stopping any
// (ledger.h says why the sum balances at any moment).
//
// Threads: control thread only.
#pragma once

#include <functional>
#include <vector>

#include "common/control/event_loop.h"
#include "common/datapath/ledger_snapshot.h"

namespace flyover {

struct LedgerTotals {
  Ledger ledger;                // summed over threads; taken_over and handed_over too
  HeldCounts held{};            // in hold queues and transmit buffers
  bool threads_balance = true;  // every thread's own equation holds

  // In hold queues, transmit buffers, and on rings between threads.
  // (Below zero when a packet was taken over after one thread's copy and before the other's.)
  int64_t Buffered(SourceId s) const {
    return static_cast<int64_t>(held[s.value()] + ledger[s].handed_over - ledger[s].taken_over);
  }
};

// Adds one thread's books to the totals, checking its own equation.
void AddThread(const Ledger& ledger, const HeldCounts& held, LedgerTotals& totals);

class LedgerCollector {
 public:
  // `threads` and `control` must outlive the collector. `control` is the control thread's own
  // ledger.
  LedgerCollector(EventLoop& loop, std::vector<LedgerSnapshot*> threads, const Ledger& control);

  // Calls `done` soon with the totals, or with null when a thread did not answer within a second.
  // Calls that come while one is under way share its answer.
  void Collect(std::function<void(const LedgerTotals*)> done);

 private:
  void Poll();
  void Finish(const LedgerTotals* totals);

  EventLoop& loop_;
  std::vector<LedgerSnapshot*> threads_;
  const Ledger& control_;
  EventLoop::Handle timer_;
  unsigned polls_ = 0;
  std::vector<std::function<void(const LedgerTotals*)>> waiting_;
};

}  // namespace flyover
