// One moment's metrics as a plain value, and the builder that the daemon fills it with.
//
//   MetricsBuilder metrics;
//   metrics.Add(MetricId::kPortRxPackets, {port.name}, rx);
//   auto snapshot = std::make_shared<const MetricsSnapshot>(std::move(metrics).Build());
#pragma once

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/metrics/families.h"

namespace flyover {

struct MetricSample {
  std::vector<std::string> label_values;  // in the order of the family's labels
  double value = 0;
};

struct MetricsSnapshot {
  std::array<std::vector<MetricSample>, kMetricCount> samples;  // by MetricId
};

class MetricsBuilder {
 public:
  // More series of a family than this are left out and counted in flyover_metrics_dropped_series.
  static constexpr size_t kMaxSeriesPerFamily = 20'000;

  // As many label values as the family has labels; a sample with another number is left out and
  // counted.
  void Add(MetricId id, std::initializer_list<std::string_view> label_values, double value);
  void Add(MetricId id, double value) { Add(id, {}, value); }

  MetricsSnapshot Build() &&;

 private:
  MetricsSnapshot snapshot_;
  size_t dropped_ = 0;
};

}  // namespace flyover
