// The kernel's neighbours on our ports: from netlink messages to the RIB.
//
// A neighbour that the kernel gave up is unreachable for kFailedHold and unknown afterwards, so
// that the next packet to it has it asked again; the kernel itself may keep such an entry for ever.
//
// Threads: the control thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "common/netlink/message.h"
#include "router/control/rib_sink.h"

namespace flyover::router {

inline constexpr std::chrono::seconds kFailedHold{3};

class NeighborMirror {
 public:
  using Clock = std::chrono::steady_clock;

  explicit NeighborMirror(RibSink& sink) : sink_(sink) {}

  // A message about a neighbour on one of our ports. True: its resolution has ended, well or not,
  // or it was forgotten.
  bool Apply(PortIndex port, const netlink::NeighborMessage& message, Clock::time_point now);

  // A dump: Begin, every neighbour, Finish. What was not mentioned is removed, unless the dump may
  // have gaps.
  void BeginDump() { ++generation_; }
  void ApplyDumped(PortIndex port, const netlink::NeighborMessage& message, Clock::time_point now);
  void FinishDump(bool complete);

  // The port's TAP is gone.
  void RemovePort(PortIndex port);
  // Forgets failures whose time is over.
  void Tick(Clock::time_point now);

  size_t size() const { return entries_.size(); }
  using Key = std::pair<PortIndex, IpAddress>;
  // Usable, but the kernel has not heard of them lately (NUD_STALE).
  std::vector<Key> Stale() const;

 private:
  enum class State : uint8_t { kResolved, kFailed, kForgotten };
  struct Entry {
    State state = State::kForgotten;
    bool stale = false;
    MacAddress mac;
    Clock::time_point failed_at;
    uint32_t generation = 0;
  };
  bool Update(const Key& key, const netlink::NeighborMessage& message, Clock::time_point now,
              bool dumped);
  void Forget(const Key& key, Entry& entry);

  RibSink& sink_;
  std::map<Key, Entry> entries_;
  std::deque<std::pair<Clock::time_point, Key>> failures_;  // by time
  uint32_t generation_ = 0;
};

}  // namespace flyover::router
