#include "lb/control/counter_view.h"

namespace flyover::lb {

FlowTotals CounterView::Service(ServiceId id) const {
  FlowTotals totals = SumService(id);
  if (const auto start = service_start_.find(id); start != service_start_.end()) {
    totals -= start->second;
  }
  return totals;
}

FlowTotals CounterView::Backend(BackendId id) const {
  FlowTotals totals = SumBackend(id);
  if (const auto start = backend_start_.find(id); start != backend_start_.end()) {
    totals -= start->second;
  }
  return totals;
}

HandshakeTotals CounterView::Handshakes(BackendId id) const {
  HandshakeTotals totals = SumHandshakes(id);
  if (const auto start = handshake_start_.find(id); start != handshake_start_.end()) {
    totals -= start->second;
  }
  return totals;
}

FlowTotals CounterView::SumService(ServiceId id) const {
  FlowTotals totals;
  for (const LbCounters* lcore : lcores_) totals += lcore->service(id).Load();
  return totals;
}

FlowTotals CounterView::SumBackend(BackendId id) const {
  FlowTotals totals;
  for (const LbCounters* lcore : lcores_) totals += lcore->backend(id).Load();
  return totals;
}

HandshakeTotals CounterView::SumHandshakes(BackendId id) const {
  HandshakeTotals totals;
  for (const LbCounters* lcore : lcores_) totals += lcore->handshakes(id).Load();
  return totals;
}

}  // namespace flyover::lb
