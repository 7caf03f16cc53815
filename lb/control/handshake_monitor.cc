#include "lb/control/handshake_monitor.h"

#include <utility>

namespace flyover::lb {

HandshakeMonitor::Count HandshakeMonitor::Since(const Sample& then, const Backend& backend) const {
  HandshakeTotals totals = backend.totals;
  const auto known = then.totals.find(backend.id);
  // Smaller than before: the id is another backend's now.
  if (known != then.totals.end() && known->second.answered() <= totals.answered() &&
      known->second.unanswered <= totals.unanswered) {
    totals -= known->second;
  }
  return {totals.answered(), totals.unanswered};
}

bool HandshakeMonitor::Update(const std::vector<Service>& services, Clock::time_point now) {
  if (!Due(now)) return false;
  bool changed = false;
  for (const Service& service : services) {
    if (samples_.empty()) break;
    std::vector<Count> counts;
    Count sum;
    for (const Backend& backend : service) {
      const Count count = counts.emplace_back(Since(samples_.front(), backend));
      sum.answered += count.answered;
      sum.unanswered += count.unanswered;
    }
    for (size_t i = 0; i < service.size(); ++i) {
      const Count& own = counts[i];
      const Count others{sum.answered - own.answered, sum.unanswered - own.unanswered};
      if (own.all() < kLeast) continue;
      if (own.unanswered * 2 <= own.all()) {
        changed |= accused_.erase(service[i].id) != 0;
      } else if (others.all() >= kLeast && others.unanswered * 4 < others.all()) {
        changed |= accused_.insert_or_assign(service[i].id, now).second;
      }
    }
  }
  Sample sample{now, {}};
  for (const Service& service : services) {
    for (const Backend& backend : service) sample.totals.emplace(backend.id, backend.totals);
  }
  const size_t forgotten = std::erase_if(accused_, [&](const auto& accused) {
    return now - accused.second >= kForget || !sample.totals.contains(accused.first);
  });
  samples_.push_back(std::move(sample));
  while (samples_.size() > static_cast<size_t>(kWindow / kStep)) samples_.pop_front();
  return changed || forgotten != 0;
}

}  // namespace flyover::lb
