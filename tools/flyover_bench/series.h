// The paired, interleaved measurement: A B C, C B A, A B C, ... so that a slow minute of the
// machine meets all alike, and what is compared was measured within the same moment.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "tools/flyover_bench/machine.h"
#include "tools/flyover_bench/statistics.h"
#include "tools/flyover_bench/subject.h"

namespace flyover {

struct Series {
  std::string name;
  std::vector<double> ticks;  // per packet, one a round
  uint64_t packets = 0;
  std::string remark = {};
};

struct SeriesReport {
  std::vector<Series> series;               // of equal length: rounds that were undisturbed for all
  std::vector<std::string> rejected;        // why each other round was thrown away
  std::vector<std::string> kept_disturbed;  // the same, of rounds that were kept all the same
  bool interrupted = false;
};

struct SeriesOptions {
  unsigned rounds = 15;
  unsigned cpu = 0;
  bool reject = true;                       // rounds during which the machine was disturbed
  const std::atomic<bool>* stop = nullptr;  // set by Ctrl-C
  std::function<void(const std::string&)> progress;
  // Why a sample cannot be used, "" for a good one; what tests put in the machine's place.
  std::function<std::string(const Disturbance&)> judge = &Disturbance::Verdict;
};

// Ends with the first error of a subject. A round that was disturbed is repeated, at most as often
// again as there are rounds.
Result<SeriesReport> RunSeries(const std::vector<std::unique_ptr<Subject>>& subjects,
                               const SeriesOptions& options);

}  // namespace flyover
