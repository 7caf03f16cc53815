// What the balancer counts per service and per backend, on one lcore.
//
// Threads: the lcore that owns them adds; any thread reads. Sizes are fixed, so that no counter
// moves while it is read; pages that no id has used take no memory.
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/strong_id.h"
#include "lb/service/handshake_counters.h"
#include "lb/service/owned_counter.h"

namespace flyover::lb {

// A service's place in the service table and in the counters.
using ServiceId = StrongId<struct ServiceIdTag, uint16_t>;
inline constexpr unsigned kMaxServices = 16'384;
inline constexpr unsigned kMaxBackends = 32'768;
inline constexpr ServiceId kNoService{0xffff};

struct FlowTotals {
  uint64_t packets = 0;          // sent on to a backend
  uint64_t bytes = 0;            // of the client's IP packets, without what we put around them
  uint64_t new_connections = 0;  // TCP packets with SYN and without ACK
  uint64_t no_backend = 0;       // dropped: vip_no_backend

  FlowTotals& operator+=(const FlowTotals& o) {
    packets += o.packets;
    bytes += o.bytes;
    new_connections += o.new_connections;
    no_backend += o.no_backend;
    return *this;
  }
  FlowTotals& operator-=(const FlowTotals& o) {
    packets -= o.packets;
    bytes -= o.bytes;
    new_connections -= o.new_connections;
    no_backend -= o.no_backend;
    return *this;
  }
  bool operator==(const FlowTotals&) const = default;
};

struct FlowCounters {
  OwnedCounter packets;
  OwnedCounter bytes;
  OwnedCounter new_connections;
  OwnedCounter no_backend;

  FlowTotals Load() const {
    return {packets.Load(), bytes.Load(), new_connections.Load(), no_backend.Load()};
  }
};

class LbCounters {
 public:
  LbCounters()
      : services_(std::make_unique<FlowCounters[]>(kMaxServices)),
        backends_(std::make_unique<FlowCounters[]>(kMaxBackends)),
        handshakes_(std::make_unique<HandshakeCounters[]>(kMaxBackends)) {}

  FlowCounters& service(ServiceId id) { return services_[id.value()]; }
  FlowCounters& backend(BackendId id) { return backends_[id.value()]; }
  HandshakeCounters& handshakes(BackendId id) { return handshakes_[id.value()]; }
  const HandshakeCounters& handshakes(BackendId id) const { return handshakes_[id.value()]; }
  const FlowCounters& service(ServiceId id) const { return services_[id.value()]; }
  const FlowCounters& backend(BackendId id) const { return backends_[id.value()]; }

 private:
  std::unique_ptr<FlowCounters[]> services_;
  std::unique_ptr<FlowCounters[]> backends_;
  std::unique_ptr<HandshakeCounters[]> handshakes_;
};

}  // namespace flyover::lb
