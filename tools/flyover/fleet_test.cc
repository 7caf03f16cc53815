#include "tools/flyover/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace flyover {
namespace {

using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

std::string Page(const std::string& web, const std::string& dns = "") {
  std::string page =
      "# HELP flyover_service_table_digest first 12 digits\n"
      "# TYPE flyover_service_table_digest gauge\n"
      "flyover_service_table_digest{service=\"web\"} " +
      web + "\n";
  if (!dns.empty()) page += "flyover_service_table_digest{service=\"dns\"} " + dns + "\n";
  return page + "flyover_service_packets_total{service=\"web\"} 7\n";
}

FetchUrl Pages(std::map<std::string, std::string> pages) {
  return [pages = std::move(pages)](const std::string& url) -> Result<std::string> {
    const auto found = pages.find(url);
    if (found == pages.end()) return Status(StatusCode::kUnavailable, "connection refused");
    return found->second;
  };
}

TEST(Fleet, PlacesBecomeUrls) {
  EXPECT_EQ(MetricsUrl("10.0.0.1:9100"), "http://10.0.0.1:9100/metrics");
  EXPECT_EQ(MetricsUrl("[2001:db8::1]:9100"), "http://[2001:db8::1]:9100/metrics");
  EXPECT_EQ(MetricsUrl("http://box/metrics?x=1"), "http://box/metrics?x=1");
}

TEST(Fleet, DigestsAreThoseOfShowServices) {
  const auto digests = DigestsOf(Page("1", "281474976710655"));
  ASSERT_TRUE(digests.ok());
  EXPECT_THAT(*digests,
              UnorderedElementsAre(Pair("web", "000000000001"), Pair("dns", "ffffffffffff")));
  // As prometheus-cpp may write a large number.
  EXPECT_EQ(DigestsOf(Page("1.8764998447377e+14"))->at("web"), "aaaaaaaaaaaa");
}

TEST(Fleet, OtherPagesAreRefused) {
  EXPECT_EQ(DigestsOf("<html>").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(DigestsOf("").status().code(), StatusCode::kInvalidArgument);
  for (const char* broken : {"flyover_service_table_digest{", "flyover_service_table_digest{} ",
                             "flyover_service_table_digest{service=\"a\"} x",
                             "flyover_service_table_digest{service=\"a\"} -1",
                             "flyover_service_table_digest{service=\"a\"} 1e300"}) {
    const auto digests = DigestsOf(broken);
    ASSERT_TRUE(digests.ok()) << broken;
    EXPECT_TRUE(digests->empty()) << broken;
  }
}

TEST(Fleet, AlikeOnlyWhenAllAre) {
  const std::vector<std::string> places = {"a:1", "b:1"};
  const std::string a = "http://a:1/metrics", b = "http://b:1/metrics";
  EXPECT_TRUE(Alike(AskFleet(places, Pages({{a, Page("5", "6")}, {b, Page("5", "6")}}))));
  EXPECT_FALSE(Alike(AskFleet(places, Pages({{a, Page("5", "6")}, {b, Page("5", "7")}}))));
  EXPECT_FALSE(Alike(AskFleet(places, Pages({{a, Page("5", "6")}, {b, Page("5")}}))));
  EXPECT_FALSE(Alike(AskFleet(places, Pages({{a, Page("5")}}))));
}

TEST(Fleet, SaysWhatDiffersAndWho) {
  const auto fleet = AskFleet(
      {"a:1", "b:1", "c:1"},
      Pages({{"http://a:1/metrics", Page("5", "6")}, {"http://b:1/metrics", Page("5", "7")}}));
  EXPECT_EQ(RenderFleet(fleet),
            "box 1: http://a:1/metrics\n"
            "box 2: http://b:1/metrics\n"
            "box 3: http://c:1/metrics: connection refused\n"
            "SERVICE  ALIKE  BOX 1         BOX 2         BOX 3\n"
            "dns      NO     000000000006  000000000007  -\n"
            "web      NO     000000000005  000000000005  -\n");
  const nlohmann::json json = FleetJson(fleet);
  EXPECT_FALSE(json["alike"].get<bool>());
  EXPECT_EQ(json["boxes"][2]["error"], "connection refused");
  EXPECT_EQ(json["services"][1]["digests"][1], "000000000005");
}

TEST(Fleet, NobodyThereIsAnError) {
  EXPECT_EQ(FetchMetrics("http://127.0.0.1:1/metrics").status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(FetchMetrics("file:///etc/passwd").status().message(), HasSubstr("file"));
}

}  // namespace
}  // namespace flyover
