#include "common/metrics/snapshot.h"

#include <algorithm>
#include <utility>

namespace flyover {

void MetricsBuilder::Add(MetricId id, std::initializer_list<std::string_view> label_values,
                         double value) {
  const std::string_view labels = Info(id).labels;
  const auto label_count = labels.empty() ? 0 : 1 + std::count(labels.begin(), labels.end(), ',');
  auto& samples = snapshot_.samples[static_cast<size_t>(id)];
  if (label_values.size() != static_cast<size_t>(label_count) ||
      samples.size() >= kMaxSeriesPerFamily) {
    ++dropped_;
    return;
  }
  samples.push_back({{label_values.begin(), label_values.end()}, value});
}

MetricsSnapshot MetricsBuilder::Build() && {
  const auto dropped = static_cast<double>(dropped_);
  snapshot_.samples[static_cast<size_t>(MetricId::kDroppedSeries)] = {{{}, dropped}};
  return std::move(snapshot_);
}

}  // namespace flyover
