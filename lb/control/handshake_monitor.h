// Finds the backends that swallow connections: their health check passes, but clients get no answer
// from them while they get one from the other backends of the same service. A flood of forged SYNs
// meets all backends alike, and so accuses none.
//
// An accused backend stays so until enough handshakes show that it answers again, or for kForget
// without any that say so or otherwise: it may have been given fewer (`swallow_weight`).
//
// Pure but for the clock that it is given. Threads: the control thread.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <vector>

#include "common/base/strong_id.h"
#include "lb/service/handshake_counters.h"

namespace flyover::lb {

class HandshakeMonitor {
 public:
  using Clock = std::chrono::steady_clock;
  // What is looked back on, and how often.
  static constexpr std::chrono::seconds kWindow{30};
  static constexpr std::chrono::seconds kStep{5};
  // Fewer handshakes than this say nothing, of the backend or of the others.
  static constexpr uint64_t kLeast = 16;
  static constexpr std::chrono::minutes kForget{5};

  struct Backend {
    BackendId id{0};
    HandshakeTotals totals;  // since it has the id
  };
  using Service = std::vector<Backend>;

  // Whether it is time for the next Update: kStep after the last one.
  bool Due(Clock::time_point now) const {
    return samples_.empty() || now - samples_.back().at >= kStep;
  }
  // Does nothing unless Due. True when a backend is accused that was not, or no longer is.
  bool Update(const std::vector<Service>& services, Clock::time_point now);

  // More than half of its handshakes in a window met silence, of the other backends' not a quarter;
  // and no later window has shown otherwise.
  bool Swallows(BackendId id) const { return accused_.contains(id); }

 private:
  struct Sample {
    Clock::time_point at;
    std::map<BackendId, HandshakeTotals> totals;
  };
  struct Count {
    uint64_t answered = 0;
    uint64_t unanswered = 0;
    uint64_t all() const { return answered + unanswered; }
  };
  Count Since(const Sample& then, const Backend& backend) const;

  std::deque<Sample> samples_;                      // oldest first
  std::map<BackendId, Clock::time_point> accused_;  // when a window last showed it
};

}  // namespace flyover::lb
