// What routers on the way to backends have said of the MTU there (RFC 1191, RFC 8201), for ten
// minutes each. Shared by all lcores.
//
// Threads: any; each place is one relaxed word. A place is judged by its age when it is read, in
// ticks that go round after nine hours: what nobody reads for that long may count once more.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "common/base/strong_id.h"
#include "lb/conntrack/coarse_clock.h"
#include "lb/service/lb_counters.h"

namespace flyover::lb {

class PathMtus {
 public:
  static constexpr uint16_t kMaxAgeTicks = 600 * kTicksPerSecond;  // RFC 1191 6.3, RFC 8201 5.3

  // Whether there was ever anything to look for.
  bool any() const { return any_.load(std::memory_order_relaxed); }

  // `mtu` of the way to `id`, as of `tick`.
  void Learn(BackendId id, uint16_t mtu, uint16_t tick) {
    places_[id.value()].store(uint32_t{mtu} << 16 | tick, std::memory_order_relaxed);
    any_.store(true, std::memory_order_relaxed);
  }

  // 0: nothing is known.
  uint16_t Get(BackendId id, uint16_t tick) {
    std::atomic<uint32_t>& place = places_[id.value()];
    const uint32_t word = place.load(std::memory_order_relaxed);
    if (word == 0) return 0;
    const uint16_t age = TickAge(tick, static_cast<uint16_t>(word));
    // Another lcore's clock may be a tick ahead of ours.
    if (age <= kMaxAgeTicks || age == kTickMask) return static_cast<uint16_t>(word >> 16);
    place.store(0, std::memory_order_relaxed);
    return 0;
  }

 private:
  std::array<std::atomic<uint32_t>, kMaxBackends> places_{};
  std::atomic<bool> any_{false};
};

}  // namespace flyover::lb
