#include "common/metrics/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace flyover {
namespace {

using testing::ElementsAre;

const std::vector<MetricSample>& Samples(const MetricsSnapshot& snapshot, MetricId id) {
  return snapshot.samples[static_cast<size_t>(id)];
}

TEST(MetricFamilies, FollowTheConventions) {
  std::set<std::string_view> names;
  for (const MetricInfo& info : kMetricFamilies) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " is there twice";
    EXPECT_TRUE(info.name.starts_with("flyover_")) << info.name;
    EXPECT_EQ(info.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
              std::string_view::npos)
        << info.name;
    EXPECT_EQ(info.name.ends_with("_total"), info.type == MetricType::kCounter) << info.name;
    EXPECT_FALSE(info.help.empty()) << info.name;
    EXPECT_EQ(info.labels.find(' '), std::string_view::npos) << info.name;
  }
}

TEST(MetricsBuilder, CollectsSamplesByFamily) {
  MetricsBuilder builder;
  builder.Add(MetricId::kConfigGeneration, 3);
  builder.Add(MetricId::kPortRxPackets, {"wan"}, 10);
  builder.Add(MetricId::kPortRxPackets, {"lan"}, 20);
  const MetricsSnapshot snapshot = std::move(builder).Build();
  ASSERT_EQ(Samples(snapshot, MetricId::kPortRxPackets).size(), 2u);
  EXPECT_THAT(Samples(snapshot, MetricId::kPortRxPackets)[1].label_values, ElementsAre("lan"));
  EXPECT_EQ(Samples(snapshot, MetricId::kPortRxPackets)[1].value, 20);
  EXPECT_EQ(Samples(snapshot, MetricId::kConfigGeneration)[0].value, 3);
  EXPECT_EQ(Samples(snapshot, MetricId::kDroppedSeries)[0].value, 0);
}

TEST(MetricsBuilder, BoundsSeriesAndRefusesWrongLabels) {
  MetricsBuilder builder;
  for (size_t i = 0; i < MetricsBuilder::kMaxSeriesPerFamily + 5; ++i) {
    builder.Add(MetricId::kBackendUp, {"web", std::to_string(i)}, 1);
  }
  builder.Add(MetricId::kBackendUp, {"no backend"}, 1);
  builder.Add(MetricId::kConfigGeneration, {"too many"}, 1);
  const MetricsSnapshot snapshot = std::move(builder).Build();
  EXPECT_EQ(Samples(snapshot, MetricId::kBackendUp).size(), MetricsBuilder::kMaxSeriesPerFamily);
  EXPECT_EQ(Samples(snapshot, MetricId::kDroppedSeries)[0].value, 7);
}

}  // namespace
}  // namespace flyover
