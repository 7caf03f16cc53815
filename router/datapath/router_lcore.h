// One forwarding lcore's view of the router: the published tables it reads, and the state that only
// it touches.
#pragma once

#include <rte_ring.h>

#include <array>

#include "common/datapath/burst.h"
#include "common/datapath/relaxed_counter.h"
#include "common/net/flow_hash.h"
#include "common/rcu/published.h"
#include "router/config/router_config.h"
#include "router/datapath/hold_table.h"
#include "router/datapath/icmp_limiter.h"
#include "router/datapath/port_table.h"
#include "router/fib/forwarding_tables.h"
#include "router/fib/use_counters.h"

namespace flyover::router {

// Asks the control thread to have the kernel resolve a neighbour. Fixed size: travels by an element
// ring.
struct ResolveRequest {
  IpAddress address;
  PortIndex port;
  std::array<uint8_t, 6> padding{};
};
static_assert(sizeof(ResolveRequest) == 24 && std::is_trivially_copyable_v<ResolveRequest>);

// Of a tunnel's port; bytes are those of what it carries.
struct TunnelTraffic {
  TrafficCounters received;
  TrafficCounters sent;
};

struct RouterLcore {
  // Read here, written by the control thread.
  const ForwardingTables* tables = nullptr;
  const Published<PortTable>* ports = nullptr;
  HashKey flow_key;       // of PacketMeta::flow_hash
  uint64_t ecmp_key = 0;  // mixed into the flow hash before a member is picked
  bool ecmp_symmetric = false;
  bool ecmp_flow_label = true;
  bool ecmp_ports = true;  // false: addresses alone
  IcmpSourceConfig icmp_source;
  TunnelMtus* tunnel_mtus = nullptr;  // written by any lcore
  rte_ring* resolve_ring = nullptr;   // of ResolveRequest; single producer: this lcore

  // This lcore's own.
  HoldTable hold;
  UseCounters use;        // packets by neighbour
  UseCounters group_use;  // ... by next-hop group
  IcmpLimiter icmp_errors;
  uint16_t icmp_id = 0;       // IPv4 identification of our errors
  uint16_t tunnel_ip_id = 0;  // and of outer headers that may be cut
  std::array<TunnelTraffic, kMaxPorts> tunnel_traffic;
  // Packets that were cut, and what became of them: each piece but the first is a copy in the
  // books.
  uint64_t fragmented = 0;
  uint64_t fragments = 0;
  uint64_t resolve_requests_lost = 0;  // ring full; the hold table asks again
};

}  // namespace flyover::router
