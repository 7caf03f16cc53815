// Which VIPs shall be announced by routing daemons. A VIP is while one of its services has a
// backend for new flows (or is `all_down: fail_open`, which always has); changes of that count only
// when they last: hold_up until a VIP is announced, hold_down until it is withdrawn. So a backend
// that comes and goes does not make BGP flap, and a box that has just started does not draw traffic
// before its health checks have found backends.
//
// A VIP that leaves the document is withdrawn at once. So are all while the box is drained.
//
// Pure but for the clock that it is given. Threads: the control thread.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <vector>

#include "common/net/ip_prefix.h"

namespace flyover::lb {

enum class VipState : uint8_t {
  kWithdrawn,  // no backend for hold_down or longer, or never one for hold_up
  kWaitingUp,  // has backends, not yet for hold_up
  kAnnounced,
  kWaitingDown,  // announced still, has had no backend since
  kDrained,      // the box is
};

struct VipInfo {
  IpPrefix vip;
  VipState state = VipState::kWithdrawn;
  std::chrono::steady_clock::time_point since;  // of the state
};

class VipAnnouncer {
 public:
  using Clock = std::chrono::steady_clock;
  struct Holds {
    std::chrono::milliseconds up{5000};
    std::chrono::milliseconds down{3000};
  };

  void SetHolds(const Holds& holds) { holds_ = holds; }
  void SetDrained(bool drained) { drained_ = drained; }
  bool drained() const { return drained_; }

  // `healthy`: every VIP of the document, and whether it has backends now. To be called whenever
  // that changes, and now and then.
  void Update(const std::map<IpPrefix, bool>& healthy, Clock::time_point now);

  std::set<IpPrefix> Announced() const;
  std::vector<VipInfo> Show() const;

 private:
  struct Entry {
    VipState state = VipState::kWithdrawn;
    Clock::time_point since;
  };
  void Step(Entry& entry, bool healthy, Clock::time_point now) const;

  Holds holds_;
  bool drained_ = false;
  std::map<IpPrefix, Entry> vips_;
};

}  // namespace flyover::lb
