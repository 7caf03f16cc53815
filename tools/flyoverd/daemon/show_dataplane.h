// What `flyover show ports|lcores|counters|drops` answers.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "common/control/results.h"
#include "tools/flyoverd/daemon/kernel_side.h"
#include "tools/flyoverd/daemon/ledger_collector.h"
#include "tools/flyoverd/dataplane/dataplane.h"
#include "tools/flyoverd/document/document.h"

namespace flyover {

PortsResult ShowPorts(Dataplane& dataplane, KernelSide& kernel, const Document& document);

// `cpus`: of the forwarding lcores. `before` and the answer's cycles give busy_percent since the
// last call; it is brought up to date.
struct LcoreCycles {
  uint64_t busy = 0;
  uint64_t idle = 0;
};
LcoresResult ShowLcores(Dataplane& dataplane, const std::vector<unsigned>& cpus,
                        const std::vector<std::string>& ports, std::vector<LcoreCycles>& before);

// Where the lcores' cycles go, between Start and Stop. One measurement at a time: a second Start
// begins it anew.
class StageMeasurement {
 public:
  void Start(Dataplane& dataplane);
  // Ends it, and enters what was sampled into result.lcores.
  void Stop(Dataplane& dataplane, LcoresResult& result);

 private:
  using Times = std::array<std::pair<uint64_t, uint64_t>, kStageCount>;  // packets, cycles
  static Times TimesOf(const Lcore& lcore);
  std::vector<Times> before_;
};

CountersResult ShowCounters(const LedgerTotals& totals, const Document& document);
DropsResult ShowDrops(const LedgerTotals& totals, Dataplane& dataplane, const Document& document);

}  // namespace flyover
