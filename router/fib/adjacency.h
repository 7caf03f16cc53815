// What the rewrite stage needs to put a packet on the wire: 12 bytes of Ethernet header and where
// to send them.
//
// Invariant: a slot never changes while an lcore can see it. A change is a new slot, an update of
// the groups that point at the old one, and the old slot's retirement.
//
// Threads: lcores read; the control thread creates and retires. An AdjacencyId is valid until the
// reader's next quiescent point: who waits longer keeps (port, nexthop) and looks up again.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "common/net/ip_address.h"
#include "common/rcu/qsbr_domain.h"
#include "router/fib/block_pool.h"
#include "router/fib/mapped_array.h"

namespace flyover::router {

enum class AdjacencyState : uint8_t {
  kUnresolved,  // the kernel has not been asked yet, or has not answered: hold and ask
  kResolved,
  kFailed,  // the neighbour does not answer
};

struct alignas(64) Adjacency {
  std::array<uint8_t, 12>
      dst_src_mac{};  // the first bytes of the frame; destination is zero unless kResolved
  AdjacencyState state = AdjacencyState::kUnresolved;
  PortIndex port = kNoPort;
  uint16_t mtu = 0;      // of L3, bytes: the smaller of the port's and the route's
  IpAddress nexthop;     // whom to resolve
  uint32_t counter = 0;  // place in UseCounters; 0: of nobody
};
static_assert(sizeof(Adjacency) == 64);

class AdjacencyTable {
 public:
  explicit AdjacencyTable(uint32_t capacity);

  // lcores
  const Adjacency& Get(AdjacencyId id) const { return slots_[id.value()]; }
  void Prefetch(AdjacencyId id) const { __builtin_prefetch(&slots_[id.value()]); }

  // Control thread. kResourceExhausted: all slots are in use or in their grace period.
  Result<AdjacencyId> Create(const Adjacency& adjacency);
  // REQUIRES: no group points at it any more.
  void Retire(AdjacencyId id, QsbrDomain& qsbr);
  uint32_t capacity() const { return pool_->limit(); }
  uint32_t used() const { return pool_->used(); }

 private:
  MappedArray<Adjacency> slots_;
  std::shared_ptr<BlockPool> pool_;
};

}  // namespace flyover::router
