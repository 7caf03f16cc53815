#include "tools/flyover_bench/headline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flyover {
namespace {

LevelReport Level(const std::string& name, std::vector<Series> series) {
  LevelReport level{name, "packet", {}};
  level.measured.series = std::move(series);
  return level;
}

const HeadlineFigure& Find(const std::vector<HeadlineFigure>& figures, const std::string& what) {
  for (const HeadlineFigure& f : figures) {
    if (f.what == what) return f;
  }
  ADD_FAILURE() << "no figure " << what;
  return figures.front();
}

TEST(Headline, ComparesWithinARoundNotAcrossRounds) {
  // The machine became twice as slow in the second round: the difference of medians would be wrong.
  const auto figures = HeadlineOf(
      {Level("device: pcap", {{"testpmd io", {50, 100, 50}, 3}, {"router-64", {70, 130, 72}, 3}})},
      1, 2e9);
  const HeadlineFigure& above = Find(figures, "IPv4 route, ticks above testpmd io");
  EXPECT_TRUE(above.measured);
  EXPECT_DOUBLE_EQ(above.median, 22);
  EXPECT_TRUE(above.met());
}

TEST(Headline, LevelsAreNotMixed) {
  const auto figures =
      HeadlineOf({Level("device: pcap", {{"lb-ipip-4k", {100}, 1}, {"router-64", {70}, 1}}),
                  Level("path: memory", {{"router-full-table", {90}, 1}})},
                 1, 2e9);
  EXPECT_FALSE(Find(figures, "IPIP service, 4,096 flows").measured);
  EXPECT_FALSE(Find(figures, "1M routes and flows, times hot").measured);
}

TEST(Headline, SaysWhatIsMetWhatIsNotAndWhatIsMissing) {
  const auto figures = HeadlineOf(
      {Level("path: memory",
             {{"router-64", {70}, 1}, {"router6-64", {100}, 1}, {"lb-new-flows", {190}, 1}})},
      1, 1.9e9);
  EXPECT_FALSE(Find(figures, "IPv6 hot, throughput times IPv4's").met());
  EXPECT_TRUE(Find(figures, "IPIP service, new flows").met());
  EXPECT_DOUBLE_EQ(Find(figures, "IPIP service, new flows a second").median, 10);
  const std::string text = HeadlineText(figures);
  EXPECT_THAT(text, testing::HasSubstr("0.70 (0.70-0.70) times  >= 0.8: NOT met"));
  EXPECT_THAT(text, testing::HasSubstr("<= 195: met"));
  EXPECT_THAT(text, testing::HasSubstr("not measured in this run (<= 25 ticks)"));
}

TEST(Headline, JsonLeavesOutWhatWasNotMeasured) {
  const auto json = HeadlineJson(HeadlineOf({}, 1, 2e9));
  ASSERT_FALSE(json.empty());
  for (const auto& row : json) {
    EXPECT_FALSE(row["measured"].get<bool>());
    EXPECT_FALSE(row.contains("median"));
    EXPECT_FALSE(row.contains("met"));
  }
}

}  // namespace
}  // namespace flyover
