// Watches TCP handshakes from the clients' side alone, as the answers of backends never pass here
// (direct server return): a backend that accepts no connections, or swallows them, shows by SYNs
// that come again and by ACKs that do not.
//
// One flow in eight is looked at, chosen by its hash; of these a SYN takes a slot of a fixed table
// where its slot is free, else the flow is not watched. So a flood costs neither memory nor time,
// and at most fills the table with SYNs that nobody completes, of all backends alike.
//
// Threads: its lcore.
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/strong_id.h"
#include "common/net/headers.h"
#include "lb/service/lb_counters.h"

namespace flyover::lb {

class HandshakeWatch {
 public:
  static constexpr uint32_t kGiveUpMicroseconds = 4'000'000;  // a client's second repeat is behind
  static constexpr uint32_t kEarlyMicroseconds = 1'000'000;
  static constexpr unsigned kSlots = 4096;

  HandshakeWatch(uint64_t tsc_hz, LbCounters& counters);

  static bool Watches(uint64_t flow_hash) { return ((flow_hash >> 40) & 7) == 0; }

  // A TCP packet of a flow that is watched, on its way to the backend. `now`: TSC.
  void See(uint64_t flow_hash, uint8_t tcp_flags, BackendId backend, uint64_t now) {
    Slot& slot = slots_[(flow_hash >> 43) % kSlots];
    if (slot.flow_hash != flow_hash && (tcp_flags & kTcpSyn) == 0) [[likely]]
      return;
    SeeKnown(slot, flow_hash, tcp_flags, backend, now);
  }
  // Now and then: gives up on the SYNs of a few slots that have waited for too long.
  void Sweep(uint64_t now);

 private:
  enum class State : uint8_t { kFree, kWaiting, kAnswered };
  struct Slot {
    uint64_t flow_hash = 0;
    uint32_t since = 0;  // microseconds, modulo 2^32
    BackendId backend{0};
    State state = State::kFree;
  };
  static_assert(sizeof(Slot) == 16);

  uint32_t Microseconds(uint64_t now) const { return static_cast<uint32_t>(now / ticks_); }
  void SeeKnown(Slot& slot, uint64_t flow_hash, uint8_t tcp_flags, BackendId backend, uint64_t now);
  void Open(Slot& slot, uint64_t flow_hash, BackendId backend, uint32_t now);
  // Frees a slot whose time is over.
  void Expire(Slot& slot, uint32_t now);

  const uint64_t ticks_;  // of the TSC, in a microsecond
  LbCounters& counters_;
  const std::unique_ptr<Slot[]> slots_;
  unsigned next_ = 0;  // to be swept
};

}  // namespace flyover::lb
