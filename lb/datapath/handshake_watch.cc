#include "lb/datapath/handshake_watch.h"

#include <algorithm>

namespace flyover::lb {
namespace {

constexpr unsigned kSweptAtOnce = 64;

}  // namespace

HandshakeWatch::HandshakeWatch(uint64_t tsc_hz, LbCounters& counters)
    : ticks_(std::max<uint64_t>(tsc_hz / 1'000'000, 1)),
      counters_(counters),
      slots_(std::make_unique<Slot[]>(kSlots)) {}

void HandshakeWatch::SeeKnown(Slot& slot, uint64_t flow_hash, uint8_t tcp_flags, BackendId backend,
                              uint64_t now) {
  const bool opens = (tcp_flags & (kTcpSyn | kTcpAck | kTcpRst | kTcpFin)) == kTcpSyn;
  if (opens) return Open(slot, flow_hash, backend, Microseconds(now));
  if (slot.flow_hash != flow_hash || slot.state == State::kFree) return;
  const uint32_t waited = Microseconds(now) - slot.since;
  HandshakeCounters& counters = counters_.handshakes(slot.backend);
  if ((tcp_flags & kTcpRst) != 0) {
    if (slot.state == State::kWaiting || waited < kEarlyMicroseconds) counters.reset.Add(1);
    slot.state = State::kFree;
  } else if (slot.state == State::kWaiting) {
    counters.answers[AnswerBucket(waited)].Add(1);
    slot.state = State::kAnswered;
  }
}

void HandshakeWatch::Open(Slot& slot, uint64_t flow_hash, BackendId backend, uint32_t now) {
  Expire(slot, now);
  if (slot.state == State::kWaiting) {
    if (slot.flow_hash == flow_hash) counters_.handshakes(slot.backend).repeated.Add(1);
    return;
  }
  slot = {flow_hash, now, backend, State::kWaiting};
}

void HandshakeWatch::Expire(Slot& slot, uint32_t now) {
  if (slot.state == State::kFree || now - slot.since < kGiveUpMicroseconds) return;
  if (slot.state == State::kWaiting) counters_.handshakes(slot.backend).unanswered.Add(1);
  slot.state = State::kFree;
}

void HandshakeWatch::Sweep(uint64_t now) {
  const uint32_t microseconds = Microseconds(now);
  for (unsigned n = 0; n < kSweptAtOnce; ++n) {
    Expire(slots_[next_], microseconds);
    next_ = (next_ + 1) % kSlots;
  }
}

}  // namespace flyover::lb
