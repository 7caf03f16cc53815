// Packets that wait for their neighbour to be resolved (RFC 1812 3.3.2, RFC 4861 7.2.2). One per
// lcore, only it touches it.
//
// Invariants
//  1. At most kMaxTargets neighbours, kPerTarget packets each; the latest are kept, the oldest is
//  the one to go.
//  2. What is held is counted by held() and nowhere else; mbuf.port keeps the packet's source.
//  3. Each target is asked for at most once a second.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <optional>

#include "common/datapath/burst.h"
#include "common/datapath/ledger.h"
#include "common/net/ip_address.h"

namespace flyover::router {

// A held packet keeps its meta: it goes on where it was stopped.
struct HeldPacket {
  rte_mbuf* m = nullptr;
  PacketMeta meta;
};

class HoldTable {
 public:
  static constexpr unsigned kMaxTargets = 64;
  static constexpr unsigned kPerTarget = 16;
  static constexpr unsigned kLifetimeSeconds = 4;  // longer than the kernel's three probes take

  struct Outcome {
    rte_mbuf* displaced =
        nullptr;       // to be dropped (hold_full): the oldest of this target, or the packet itself
    bool ask = false;  // the kernel should be asked to resolve
  };
  // Takes over `m` (unless it comes back as displaced).
  Outcome Hold(rte_mbuf* m, const PacketMeta& meta, PortIndex port, const IpAddress& target,
               uint64_t now, uint64_t tsc_hz);

  bool empty() const { return targets_in_use_ == 0; }
  // Walking the targets, 0 to kMaxTargets - 1. Null: this one is not in use.
  const HeldPacket* Front(unsigned target) const;
  // The kernel was asked more than a second ago (and a little, as it counts with another clock):
  // ask again. Notes the time when it says so.
  bool AskAgain(unsigned target, uint64_t now, uint64_t tsc_hz);
  PortIndex port(unsigned target) const { return targets_[target].port; }
  const IpAddress& address(unsigned target) const { return targets_[target].address; }
  bool Expired(unsigned target, uint64_t now, uint64_t tsc_hz) const {
    return now - targets_[target].first > kLifetimeSeconds * tsc_hz;
  }
  // Moves all packets of a target into `out`, in order of arrival, and forgets the target.
  void Release(unsigned target, Burst& out);

  void CountHeld(HeldCounts& counts) const;

 private:
  struct Target {
    bool used = false;
    PortIndex port;
    IpAddress address;
    uint64_t first = 0;     // TSC when the first packet came
    uint64_t asked_at = 0;  // TSC
    unsigned count = 0;
    unsigned oldest = 0;  // ring index
    std::array<HeldPacket, kPerTarget> packets;
  };
  Target* Find(PortIndex port, const IpAddress& address);

  static_assert(kPerTarget <= kMaxBurst);
  std::array<Target, kMaxTargets> targets_;
  unsigned targets_in_use_ = 0;
};

}  // namespace flyover::router
