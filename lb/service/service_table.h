// All services as the packet path sees them: one immutable snapshot, built by lb/control's
// ServiceManager and published by Published<ServiceTable>.
//
// Threads: the control thread builds it; lcores read it between two quiescent points.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/strong_id.h"
#include "lb/config/lb_config.h"
#include "lb/conntrack/connection_timeouts.h"
#include "lb/maglev/maglev_table.h"
#include "lb/service/affinity.h"
#include "lb/service/backend_entry.h"
#include "lb/service/lb_counters.h"
#include "lb/service/quic_routing.h"
#include "lb/service/vip_index.h"

namespace flyover::lb {

// A Maglev table, whom its indices mean, and what chooses a slot of it.
struct PoolTable {
  std::shared_ptr<const MaglevTable> maglev;
  std::vector<BackendId> pool;
  AffinityRule rule;

  // Whether both send every flow to the same address. REQUIRES: both have a Maglev table.
  bool ChoosesLike(const PoolTable& other) const {
    return maglev->digest() == other.maglev->digest() && rule == other.rule;
  }
};

struct ServiceEntry {
  std::string name;
  Protocol protocol = Protocol::kTcp;
  ForwardMode forward = ForwardMode::kIpip;
  uint16_t timeout = 0;  // ticks without a packet until a flow is forgotten
  // Never null for a service that the VIP index names. Services with equal pools share one.
  std::shared_ptr<const MaglevTable> maglev;
  std::vector<BackendId> pool;  // by the Maglev table's index
  AffinityRule rule;
  std::shared_ptr<const QuicRouting> quic;  // asked first; null: connection ids are not looked at
  // Tables in force until a change not long ago, the oldest first; none in a steady service. No two
  // choose alike, none is empty.
  std::vector<PoolTable> previous;
  // A bit for each slot of `maglev` of which the tables, kept and present, do not all say the same;
  // empty where they cannot be compared, being of different sizes or affinities.
  std::vector<uint64_t> unsettled;

  // Whether the tables disagree about a flow. REQUIRES: there are previous ones.
  bool Unsettled(uint32_t slice) const {
    if (unsettled.empty()) return true;
    const uint32_t slot = ReduceHash(slice, maglev->size());
    return (unsettled[slot / 64] >> (slot % 64) & 1) != 0;
  }
};

// All that plain_balance asks of a service whose flows choose by their hash alone: neither sources
// nor connection ids do, and tables of before, if any are kept, can be compared with the present
// one slot by slot.
struct PlainService {
  const uint16_t* slots = nullptr;  // null: not such a service. Each has an owner
  const BackendId* pool = nullptr;
  const uint64_t* unsettled = nullptr;  // ServiceEntry::unsettled; null: no table is kept
  uint32_t size = 0;

  bool Unsettled(uint32_t slot) const {
    return unsettled != nullptr && (unsettled[slot / 64] >> (slot % 64) & 1) != 0;
  }
};

struct ServiceTable {
  VipIndex vips;
  std::vector<ServiceEntry> services;     // by ServiceId; ids that are free have no Maglev table
  std::vector<PlainService> plain;        // by ServiceId: FindPlainServices
  bool any_kept = false;                  // likewise: a service keeps tables of before
  std::vector<BackendEntry> backends;     // by BackendId
  std::vector<uint16_t> timeouts;         // by BackendId, as ConnectionTimeouts wants them
  uint16_t longest_timeout = 0;           // for entries whose backend is gone
  std::vector<IpAddress> tunnel_sources;  // sorted, each once
  bool reject_unknown_ports = false;      // else they are dropped
  bool any_quic = false;                  // a service looks at connection ids
  uint64_t generation = 0;                // counts publications

  // An id of a connection entry may be younger than this snapshot: it is absent here then.
  const BackendEntry& Backend(BackendId id) const {
    static constexpr BackendEntry kNobody{};
    return id.value() < backends.size() ? backends[id.value()] : kNobody;
  }
  const ServiceEntry& Service(ServiceId id) const { return services[id.value()]; }
  // Fills `plain`. Last, when nothing of `services` changes any more.
  void FindPlainServices() {
    plain.assign(services.size(), {});
    any_kept = false;
    for (size_t i = 0; i < services.size(); ++i) {
      const ServiceEntry& s = services[i];
      any_kept = any_kept || !s.previous.empty();
      if (s.maglev == nullptr || s.maglev->empty() || s.quic != nullptr ||
          s.rule.kind != Affinity::kFlow || (!s.previous.empty() && s.unsettled.empty())) {
        continue;
      }
      plain[i] = {s.maglev->slots().data(), s.pool.data(),
                  s.previous.empty() ? nullptr : s.unsettled.data(), s.maglev->size()};
    }
  }
  ConnectionTimeouts connection_timeouts() const {
    return {timeouts.data(), timeouts.size(), longest_timeout};
  }
};

}  // namespace flyover::lb
