// The balancer's control: from the document, the health checks' verdicts and the operator's
// commands it makes the ServiceTable that lcores use.
//
// What decides a backend's share of new flows, strongest first:
//   down (its health check)            none; established TCP connections stay, UDP flows move
//   drained (command)                  none; its connections stay
//   weight by command, else document   that; 0 is the same as drained
//   swallows connections               `swallow_weight` percent of it (HandshakeMonitor)
// and then, with what is left (lb/control/effective_weights.h): the service's priority groups, its
// panic threshold, and the ramp of its slow start. When every backend of a service is down or has
// no weight, its packets are dropped and counted (vip_no_backend), unless it says `all_down:
// fail_open`.
//
// Commands survive a reload for as long as the service keeps the backend's address; a weight by
// command ends with the reload that changes that backend's weight in the document.
//
// When a service's table changes, the one before is kept for connections.change_window, so that
// flows born under it keep their backends (lb/datapath/flow_choice.h). At most kMostKeptTables
// different ones are kept a service; beyond that the one nearest its end goes early.
//
// Threads: the control thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/status.h"
#include "common/rcu/published.h"
#include "common/rcu/qsbr_domain.h"
#include "lb/config/lb_config.h"
#include "lb/conntrack/connection_table.h"
#include "lb/control/change_plan.h"
#include "lb/control/counter_view.h"
#include "lb/control/handshake_monitor.h"
#include "lb/control/id_pool.h"
#include "lb/control/table_cache.h"
#include "lb/health/health_target.h"
#include "lb/service/service_table.h"

namespace flyover::lb {

enum class BackendHealth : uint8_t { kUnchecked, kUnknown, kUp, kDown };

struct BackendInfo {
  std::string service;
  Protocol protocol = Protocol::kTcp;  // of the service
  std::string name;
  IpAddress address;
  BackendId id;
  BackendHealth health = BackendHealth::kUnchecked;
  std::string reason;  // of the last change of health; empty before the first
  std::chrono::system_clock::time_point since;  // of the last change of health, or when first known
  bool drained = false;                         // by command
  uint16_t weight = 0;                          // of the document
  std::optional<uint16_t> weight_by_command;
  uint16_t effective_weight = 0;
  double share = 0;  // of the service's new flows, 0 to 1: its part of the Maglev table
  FlowTotals totals;
  HandshakeTotals handshakes;  // of the flows that are watched: TCP
  bool swallows = false;       // HandshakeMonitor
};

struct ServiceInfo {
  std::string name;
  ServiceId id;
  std::vector<IpPrefix> vips;
  Protocol protocol = Protocol::kTcp;
  PortRange ports;
  ForwardMode forward = ForwardMode::kIpip;
  Affinity affinity = Affinity::kFlow;
  uint64_t table_digest = 0;  // equal on two balancers that choose alike
  uint32_t table_size = 0;    // slots
  unsigned kept_tables = 0;   // of before changes not long ago
  unsigned backends = 0;
  unsigned backends_up = 0;  // not down
  FlowTotals totals;
};

// The tables of all services at some moment, by service.
using TableSnapshot = std::map<std::string, PoolTable>;

struct ServiceMoves {
  std::string service;
  uint32_t slots = 0;
  uint32_t moved = 0;
  uint32_t least = 0;  // TableMoves::least
};

class ServiceManager {
 public:
  using Clock = std::chrono::steady_clock;
  using WallTime = std::chrono::system_clock::time_point;

  // `connections` and `counters`: one per lcore; they outlive the manager. May be empty (tests).
  ServiceManager(Published<ServiceTable>& published, QsbrDomain& qsbr,
                 std::vector<const ConnectionTable*> connections,
                 std::vector<const LbCounters*> counters);
  ~ServiceManager();

  // Makes `config` the balancer's configuration and publishes it. On an error nothing has changed.
  // Errors: kInvalidArgument  two services on one VIP, protocol and port; no tunnel source for a
  //                           backend's family; an address twice in one service
  //         kResourceExhausted  more services or backends than the tables take
  Status Apply(const LbConfig& config, Clock::time_point now, WallTime wall_now);

  // What Apply(config) would change, given the health, drains and weights of now. Changes nothing.
  // Takes about a millisecond for each pool that has no table yet. Errors: those of Apply.
  Result<ChangePlan> Plan(const LbConfig& config);
  // For the record of what a change has moved: Tables() before it, MovesSince() after it. Services
  // that were added or moved nothing are left out.
  TableSnapshot Tables() const;
  std::vector<ServiceMoves> MovesSince(const TableSnapshot& before) const;

  // What the health checker shall probe now. Changes with Apply only.
  std::vector<HealthTarget> HealthTargets() const;
  // The checker's news; published in one go.
  void OnHealthEvents(std::span<const HealthEvent> events);

  // Commands. Errors: kNotFound names what there is instead.
  Status Drain(std::string_view service, std::string_view backend);
  // Takes a drain back. Errors also: kFailedPrecondition when the weight is 0 all the same.
  Status Enable(std::string_view service, std::string_view backend);
  Status SetWeight(std::string_view service, std::string_view backend, uint16_t weight);

  // About once a second: lets go of tables, gives back ids that nothing can point at any more,
  // looks for backends that swallow connections.
  void Tick(Clock::time_point now);

  // For `show` and metrics, in the document's order.
  std::vector<ServiceInfo> Services() const;
  std::vector<BackendInfo> Backends() const;
  // VIPs of services that are announced, and whether one of these services has a backend for new
  // flows that is known to be up, or needs none (fail_open).
  std::map<IpPrefix, bool> VipHealth() const;
  // Every VIP once, for ARP, ND and announcements.
  std::vector<IpPrefix> Vips() const;
  // Names of a backend id, also of connection entries; nullopt when no service has it.
  std::optional<std::pair<std::string, std::string>> NameOf(BackendId id) const;
  const ServiceTable* table() const { return published_.Load(); }
  // Ids held back because connection entries may point at them.
  size_t retired_ids() const { return backend_ids_.retired(); }
  // Of the Maglev tables of all services, those that they share counted once.
  size_t table_memory_bytes() const { return tables_.memory_bytes(); }
  static constexpr size_t kMostKeptTables = 64;

 private:
  struct Backend;
  struct Service;
  struct Health {
    HealthState state = HealthState::kUnknown;
    std::string reason;
    WallTime since;
  };

  Status Check(const LbConfig& config) const;
  Service Successor(const ServiceConfig& config, const Service* old, WallTime wall_now) const;
  using ServicesByName = std::unordered_map<std::string, const Service*>;
  ServicesByName ByName() const;
  static const Service* Find(const ServicesByName& services, const std::string& name);
  std::vector<Service> Foresee(const LbConfig& config, const ServicesByName& running);
  void PlanEndpoints(const std::vector<Service>& next, ChangePlan& plan) const;
  // VIPs of services that are announced and have a backend for new flows, if no check finds
  // otherwise.
  static std::set<IpPrefix> Announceable(const std::vector<Service>& services);
  void KeepHealthOf(const std::vector<Service>& services, WallTime wall_now);
  // True when a backend's weight may have to follow what was found.
  bool WatchHandshakes(Clock::time_point now);
  void Republish();
  void ChangeTable(Service& service, PoolTable next);
  std::chrono::seconds ChangeWindow(Protocol protocol) const;
  BackendEntry EntryOf(const Service& service, const Backend& backend) const;
  // Null for one that does not look at connection ids.
  static std::shared_ptr<const QuicRouting> QuicOf(const Service& service);
  bool IsDown(const Backend& backend) const;
  // Not only not known to be down.
  bool IsUp(const Backend& backend) const;
  void Weigh(Service& service) const;
  void StartRamp(const Service& service, Backend& backend) const;
  Result<Backend*> FindBackend(std::string_view service, std::string_view backend);

  Published<ServiceTable>& published_;
  QsbrDomain& qsbr_;
  std::vector<const ConnectionTable*> connections_;
  CounterView counters_;
  HandshakeMonitor handshake_monitor_;
  TableCache tables_;
  IdPool service_ids_;
  IdPool backend_ids_;
  std::vector<Service> services_;  // the document's order
  std::map<HealthTarget, Health> health_;
  uint64_t seed_ = 0;
  ConnectionConfig connection_config_;
  bool reject_unknown_ports_ = false;
  bool announces_ = false;  // the document has balancer.announce
  uint64_t generation_ = 0;
  Clock::time_point now_{};  // as far as Apply and Tick have told
  static constexpr uint32_t kNobody = 0xffffffff;
  std::vector<std::pair<uint32_t, uint32_t>>
      names_;  // by BackendId: service and backend in services_
};

}  // namespace flyover::lb
