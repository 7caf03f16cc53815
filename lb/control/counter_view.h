// Counters of services and backends over all lcores, since the id was given to its present owner.
// Threads: the control thread. (Lcores' counters never go back, so an id that changes hands starts
// from what it had then.)
#pragma once

#include <map>
#include <vector>

#include "lb/service/lb_counters.h"

namespace flyover::lb {

class CounterView {
 public:
  explicit CounterView(std::vector<const LbCounters*> lcores) : lcores_(std::move(lcores)) {}

  void StartService(ServiceId id) { service_start_[id] = SumService(id); }
  void StartBackend(BackendId id) {
    backend_start_[id] = SumBackend(id);
    handshake_start_[id] = SumHandshakes(id);
  }
  FlowTotals Service(ServiceId id) const;
  FlowTotals Backend(BackendId id) const;
  HandshakeTotals Handshakes(BackendId id) const;

 private:
  FlowTotals SumService(ServiceId id) const;
  FlowTotals SumBackend(BackendId id) const;
  HandshakeTotals SumHandshakes(BackendId id) const;

  std::vector<const LbCounters*> lcores_;
  std::map<ServiceId, FlowTotals> service_start_;
  std::map<BackendId, FlowTotals> backend_start_;
  std::map<BackendId, HandshakeTotals> handshake_start_;
};

}  // namespace flyover::lb
