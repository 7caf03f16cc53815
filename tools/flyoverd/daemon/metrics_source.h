// The metrics of the whole daemon, gathered on the control thread once a second and handed to the
// endpoint's threads as one immutable value.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <vector>

#include "common/metrics/snapshot.h"
#include "tools/flyoverd/daemon/balancer_side.h"
#include "tools/flyoverd/daemon/kernel_side.h"
#include "tools/flyoverd/daemon/ledger_collector.h"
#include "tools/flyoverd/dataplane/dataplane.h"
#include "tools/flyoverd/document/document.h"

namespace flyover {

struct ReloadCounts {
  uint64_t ok = 0;
  uint64_t refused = 0;
  bool last_ok = true;
};

// What Fill reads; all of it outlives the source.
struct MetricsInputs {
  Dataplane& dataplane;
  KernelSide& kernel;
  BalancerSide& balancer;
  const Document& document;
  const std::vector<unsigned>& cpus;
  const ReloadCounts& reloads;
  const uint64_t& generation;
};

class MetricsSource {
 public:
  explicit MetricsSource(MetricsInputs inputs) : inputs_(inputs), start_time_(std::time(nullptr)) {}

  // Control thread.
  void Refresh(const LedgerTotals& totals);
  // Any thread.
  std::shared_ptr<const MetricsSnapshot> Current() const;

 private:
  void AddPorts(MetricsBuilder& metrics) const;
  void AddLcores(MetricsBuilder& metrics) const;
  void AddLedger(MetricsBuilder& metrics, const LedgerTotals& totals) const;
  void AddRouter(MetricsBuilder& metrics) const;
  void AddBalancer(MetricsBuilder& metrics) const;
  void AddHandshakes(MetricsBuilder& metrics) const;

  MetricsInputs inputs_;
  std::time_t start_time_;
  mutable std::mutex mutex_;
  std::shared_ptr<const MetricsSnapshot> current_;
};

}  // namespace flyover
