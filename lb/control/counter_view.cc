#include "lb/control/counter_view.h"

namespace flyover::lb {
namespace {

template <typename Id, typename Totals>
Totals Since(const std::map<Id, Totals>& starts, Id id, Totals totals) {
  if (const auto start = starts.find(id); start != starts.end()) totals -= start->second;
  return totals;
}

}  // namespace

FlowTotals CounterView::Service(ServiceId id) const {
  return Since(service_start_, id, SumService(id));
}

FlowTotals CounterView::Backend(BackendId id) const {
  return Since(backend_start_, id, SumBackend(id));
}

HandshakeTotals CounterView::Handshakes(BackendId id) const {
  return Since(handshake_start_, id, SumHandshakes(id));
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
