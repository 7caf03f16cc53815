#include "tools/flyover_bench/latency.h"

#include <algorithm>
#include <deque>

#include "common/datapath/burst.h"

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
  const auto loses = [&](double interval) -> Result<bool> {
    unsigned lossy = 0;
    for (unsigned trial = 0; trial < kTrials; ++trial) {
      const auto latency = RunSchedule(serve, {.interval = interval, .packets = packets / kTrials});
      if (!latency.ok()) return latency.status();
      if (latency->lost > 0 || latency->behind > 2 * kMaxBurst) ++lossy;
    }
    return lossy > kTrials / 2;
  };
  double good = 4 * near, bad = near / 4;
  const auto longest = loses(good);
  if (!longest.ok()) return longest.status();
  if (*longest) {
    return Status(StatusCode::kFailedPrecondition,
                  "packets are lost even at a quarter of the speed: the machine is disturbed");
  }
  while (good / bad > 1.005) {
    const double middle = (good + bad) / 2;
    const auto lost = loses(middle);
    if (!lost.ok()) return lost.status();
    (*lost ? bad : good) = middle;
  }
  return good;
}

}  // namespace flyover
