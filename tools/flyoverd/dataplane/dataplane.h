// The forwarding machine: packet memory, ports, lcores and the rings between them. Knows no
// document, no kernel and no control plane: the daemon, the packet tests and the benchmark build
// the same one.
//
// Rings, all single producer and single consumer:
//   punt[l]        lcore l           -> exception thread
//   from_tap[l]    exception thread  -> lcore l   (complete frames, egress port in the mbuf)
//   announce[l]    control thread    -> lcore l   (complete frames, egress port in the mbuf)
//   frames[a][b]   lcore a           -> lcore b   (received frames whose flow lives on b)
//   egress[a][b]   lcore a           -> lcore b   (complete frames for a transmit queue of b)
//   resolve[l]     lcore l           -> control thread (ResolveRequest)
//
// Threads: control thread only, but for what Lcore says of itself.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/dpdk/port.h"
#include "common/rcu/published.h"
#include "lb/service/service_table.h"
#include "router/datapath/port_table.h"
#include "router/fib/forwarding_tables.h"
#include "tools/flyoverd/path/lcore.h"

namespace flyover {

struct DataplaneOptions {
  unsigned lcore_count = 1;
  uint32_t mbufs = 65'536;
  uint16_t burst = kMaxBurst;
  bool adaptive_idle = false;
  std::array<uint32_t, kPuntClassCount> punt_rate{};
  uint64_t flow_seed = 0;  // of PacketMeta::flow_hash: equal on boxes that share flows
  uint64_t ecmp_seed = 0;
  bool ecmp_symmetric = false;
  bool ecmp_flow_label = true;
  bool ecmp_ports = true;
  router::IcmpErrorConfig icmp_errors;
  std::vector<router::RouteCapacity> vrfs{router::RouteCapacity()};  // by VrfIndex
  uint32_t connections = 1'048'576;                                  // over all lcores
};

class Dataplane {
 public:
  // Needs a running EAL. kResourceExhausted: no memory for pools or rings.
  static Result<std::unique_ptr<Dataplane>> Create(const DataplaneOptions& options);
  ~Dataplane();
  Dataplane(const Dataplane&) = delete;
  Dataplane& operator=(const Dataplane&) = delete;

  // Before Launch. Opens the device and gives its queues to lcores. `rx_queues`: none takes as many
  // as there are lcores, or what the device has.
  Status AddPort(PortIndex index, PortOptions options, std::optional<unsigned> rx_queues);

  // Before Launch. A sub-interface of `device`, which was added: its frames carry the tag `outer`,
  // and behind it `inner` if that is not 0.
  void AddVlan(PortIndex index, PortIndex device, uint16_t outer, uint16_t inner);

  // Starts ports and lcores. Lcore l runs on DPDK lcore l + 1.
  Status Launch();
  // Takes no more packets in, lets what is on its way leave, ends the lcores. Bounded by
  // `limit_ms`.
  void Shutdown(unsigned limit_ms);

  router::ForwardingTables& tables() { return tables_; }
  QsbrDomain& qsbr() { return qsbr_; }
  Published<router::PortTable>& port_table() { return port_table_; }
  Published<lb::ServiceTable>& services() { return services_; }

  unsigned lcore_count() const { return static_cast<unsigned>(lcores_.size()); }
  Lcore& lcore(unsigned l) { return *lcores_[l]; }
  // Null for what is no device.
  Port* port(PortIndex p) { return ports_[p.value()].get(); }
  rte_mempool* pool() { return pool_; }
  rte_ring* punt_ring(unsigned l) { return punt_[l]; }
  rte_ring* from_tap_ring(unsigned l) { return from_tap_[l]; }
  rte_ring* resolve_ring(unsigned l) { return resolve_[l]; }
  // Of a sub-interface or tunnel, over all lcores; a device counts for itself.
  PortCounters StackedCounters(PortIndex p) const;
  // The lcore that transmits frames of the kernel and of the control thread on this port.
  unsigned EgressLcore(PortIndex p) const { return egress_lcore_[p.value()]; }

  // Control thread: sends a complete frame of our own by `port`. The bytes are copied. Counted as
  // generated in control_ledger(). False: no memory or no room.
  bool Announce(PortIndex port, const uint8_t* frame, uint16_t length);
  const Ledger& control_ledger() const { return control_ledger_; }

 private:
  explicit Dataplane(const DataplaneOptions& options);
  Status CreateMemory();
  Status CreateLcores();

  DataplaneOptions options_;
  QsbrDomain qsbr_;
  router::ForwardingTables tables_;
  Published<router::PortTable> port_table_;
  router::TunnelMtus tunnel_mtus_;
  Published<lb::ServiceTable> services_;
  rte_mempool* pool_ = nullptr;
  std::vector<rte_ring*> rings_;  // all of them, for freeing
  std::vector<rte_ring*> punt_, from_tap_, announce_, resolve_;
  std::vector<std::vector<rte_ring*>> frames_, egress_;
  std::vector<std::unique_ptr<Lcore>> lcores_;
  std::array<std::unique_ptr<Port>, kMaxPorts> ports_;
  std::array<unsigned, kMaxPorts> egress_lcore_{};
  unsigned next_lcore_ = 0;  // where the next device's first queue goes
  Ledger control_ledger_;
  bool launched_ = false;
};

}  // namespace flyover
