#include "tools/flyoverd/daemon/ledger_collector.h"

#include <chrono>
#include <memory>
#include <utility>

namespace flyover {
namespace {

constexpr std::chrono::milliseconds kPollPeriod{1};
constexpr unsigned kMaxPolls = 1000;

uint64_t DropsOf(const SourceLedger& source) {
  uint64_t sum = 0;
  for (const uint64_t n : source.drops) sum += n;
  return sum;
}

}  // namespace

void AddThread(const Ledger& ledger, const HeldCounts& held, LedgerTotals& totals) {
  for (size_t s = 0; s < kSourceCount; ++s) {
    const SourceLedger& from = ledger.sources[s];
    SourceLedger& to = totals.ledger.sources[s];
    to.entered += from.entered;
    to.copies += from.copies;
    to.taken_over += from.taken_over;
    to.handed_over += from.handed_over;
    to.tx += from.tx;
    to.punted += from.punted;
    for (size_t r = 0; r < kDropReasonCount; ++r) to.drops[r] += from.drops[r];
    totals.held[s] += held[s];
    if (from.entered + from.copies + from.taken_over !=
        from.tx + from.punted + DropsOf(from) + from.handed_over + held[s]) {
      totals.threads_balance = false;
    }
  }
}

LedgerCollector::LedgerCollector(EventLoop& loop, std::vector<LedgerSnapshot*> threads,
                                 const Ledger& control)
    : loop_(loop), threads_(std::move(threads)), control_(control) {}

void LedgerCollector::Collect(std::function<void(const LedgerTotals*)> done) {
  waiting_.push_back(std::move(done));
  if (timer_) return;
  for (LedgerSnapshot* const thread : threads_) {
    // A thread that did not answer last time still owes that answer; it will do.
    if (thread->Ready()) thread->Request();
  }
  polls_ = 0;
  timer_ = loop_.RunEvery(kPollPeriod, [this] { Poll(); });
}

void LedgerCollector::Poll() {
  for (const LedgerSnapshot* const thread : threads_) {
    if (thread->Ready()) continue;
    if (++polls_ == kMaxPolls) Finish(nullptr);
    return;
  }
  // Large: not for the stack.
  const auto totals = std::make_unique<LedgerTotals>();
  for (const LedgerSnapshot* const thread : threads_) {
    AddThread(thread->ledger(), thread->held(), *totals);
  }
  AddThread(control_, HeldCounts{}, *totals);
  Finish(totals.get());
}

void LedgerCollector::Finish(const LedgerTotals* totals) {
  timer_ = {};
  const auto waiting = std::exchange(waiting_, {});
  for (const auto& done : waiting) done(totals);
}

}  // namespace flyover
