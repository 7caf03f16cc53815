#include "tools/flyover_bench/latency.h"

#include <algorithm>
#include <deque>

#include "common/datapath/burst.h"
#include "tools/flyover_bench/rate_search.h"

namespace flyover {
namespace {

constexpr unsigned kTrials = 15;

}  // namespace

Result<Latency> RunSchedule(const ServeBurst& serve, const Schedule& schedule) {
  Latency latency;
  std::deque<uint64_t> waiting;  // when each was due
  uint64_t now = 0, sent = 0;
  while (sent < schedule.packets || !waiting.empty()) {
    const bool sending = sent < schedule.packets;
    while (sent < schedule.packets) {
      const auto due = static_cast<uint64_t>(static_cast<double>(sent) * schedule.interval);
      if (due > now) break;
      ++sent;
      if (waiting.size() < schedule.ring) {
        waiting.push_back(due);
      } else {
        ++latency.lost;
      }
    }
    if (sending && sent == schedule.packets) latency.behind = waiting.size();
    const auto count = static_cast<unsigned>(std::min<size_t>(waiting.size(), kMaxBurst));
    const auto ticks = serve(count);
    if (!ticks.ok()) return ticks.status();
    now += std::max<uint64_t>(*ticks, 1);
    for (unsigned i = 0; i < count; ++i) {
      latency.residence.Record(now - waiting.front());
      waiting.pop_front();
    }
  }
  return latency;
}

Result<double> FindNoDropInterval(const ServeBurst& serve, double near, uint64_t packets) {
  // Rates are packets a tick.
  const auto trial = [&](double rate) -> Result<TrialResult> {
    const auto latency = RunSchedule(serve, {.interval = 1 / rate, .packets = packets / kTrials});
    if (!latency.ok()) return latency.status();
    const bool lossy = latency->lost > 0 || latency->behind > 2 * kMaxBurst;
    return TrialResult{packets / kTrials, lossy ? std::max<uint64_t>(latency->lost, 1) : 0};
  };
  RateSearch search(trial, 1 / (4 * near), 4 / near);
  const auto bounds = search.Find({.exceed_ratio = 0.5, .trials = kTrials});
  if (!bounds.ok()) return bounds.status();
  if (bounds->lower == 0) {
    return Status(StatusCode::kFailedPrecondition,
                  "packets are lost even at a quarter of the speed: the machine is disturbed");
  }
  return 1 / bounds->lower;
}

}  // namespace flyover
