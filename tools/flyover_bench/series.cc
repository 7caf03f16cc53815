#include "tools/flyover_bench/series.h"

#include <algorithm>
#include <numeric>

namespace flyover {

Result<SeriesReport> RunSeries(const std::vector<std::unique_ptr<Subject>>& subjects,
                               const SeriesOptions& options) {
  SeriesReport report;
  for (const auto& subject : subjects) report.series.push_back({subject->name(), {}, 0, {}});
  std::vector<size_t> order(subjects.size());
  std::iota(order.begin(), order.end(), 0);
  unsigned good = 0;
  for (unsigned round = 0; good < options.rounds && round < 2 * options.rounds; ++round) {
    std::vector<Sample> samples(subjects.size());
    std::string disturbed;
    for (const size_t s : order) {
      if (options.stop != nullptr && options.stop->load()) {
        report.interrupted = true;
        return report;
      }
      if (options.progress) {
        options.progress("round " + std::to_string(good + 1) + " of " +
                         std::to_string(options.rounds) + ": " + subjects[s]->name());
      }
      const Disturbance disturbance(options.cpu);
      const auto sample = subjects[s]->Measure();
      if (!sample.ok()) return sample.status();
      samples[s] = *sample;
      std::string verdict = options.judge(disturbance);
      if (verdict.empty()) verdict = sample->disturbed;
      if (!verdict.empty()) disturbed = subjects[s]->name() + ": " + verdict;
    }
    std::reverse(order.begin(), order.end());
    if (!disturbed.empty() && options.reject) {
      report.rejected.push_back(disturbed);
      continue;
    }
    if (!disturbed.empty()) report.kept_disturbed.push_back(disturbed);
    ++good;
    for (size_t s = 0; s < subjects.size(); ++s) {
      report.series[s].ticks.push_back(samples[s].ticks);
      report.series[s].packets += samples[s].packets;
      report.series[s].remark = subjects[s]->remark();
    }
  }
  return report;
}

}  // namespace flyover
