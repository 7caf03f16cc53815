#include "common/config/config_report.h"

#include <gtest/gtest.h>

namespace flyover {
namespace {

TEST(ConfigReport, ListsInTheOrderOfTheDocumentWithoutRepetitions) {
  ConfigReport report("a.yaml");
  report.Error({7, 3}, "ports.wan", "late");
  report.Error({2, 9}, "", "early");
  report.Error({7, 3}, "ports.wan", "late");
  EXPECT_FALSE(report.ok());
  const auto errors = report.Errors();
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0].ToString(), "a.yaml:2:9: document: early");
  EXPECT_EQ(errors[1].ToString(), "a.yaml:7:3: ports.wan: late");
}

TEST(ConfigReport, WarningsAreNoErrors) {
  ConfigReport report("a.yaml");
  report.Warning({1, 1}, "services", "odd");
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.Warnings().size(), 1u);
}

TEST(ConfigReport, CountsWhatItDoesNotShow) {
  ConfigReport report("a.yaml");
  for (int i = 1; i <= 150; ++i) report.Error({i, 1}, "x", "wrong");
  const auto errors = report.Errors();
  ASSERT_EQ(errors.size(), kMaxReportedErrors + 1);
  EXPECT_EQ(errors.back().ToString(),
            "a.yaml: document: 50 more errors are not shown; mend these first");
}

TEST(Quoted, StaysOnOneShortLine) {
  EXPECT_EQ(Quoted("web1"), "'web1'");
  EXPECT_EQ(Quoted("a\nb\x1b[31m\xff"), "'a\\x0ab\\x1b[31m\\xff'");
  EXPECT_LE(Quoted(std::string(1'000'000, 'x')).size(), 70u);
}

TEST(ClosestWord, FindsWhatWasMeant) {
  const std::vector<std::string_view> keys = {"backends", "vip", "port", "protocol", "health"};
  EXPECT_EQ(ClosestWord("backend", keys), "backends");
  EXPECT_EQ(ClosestWord("bakcends", keys), "backends");
  EXPECT_EQ(ClosestWord("pot", keys), "port");
  EXPECT_EQ(ClosestWord("vpi", keys), "vip");
  EXPECT_EQ(ClosestWord("heatlh", keys), "health");
  EXPECT_EQ(ClosestWord("colour", keys), "");
  EXPECT_EQ(ClosestWord("", keys), "");
  EXPECT_EQ(ClosestWord(std::string(100'000, 'v'), keys), "");
}

}  // namespace
}  // namespace flyover
