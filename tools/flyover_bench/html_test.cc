#include "tools/flyover_bench/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flyover {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

json ExampleRun() {
  return {{"cpu", "A <fast> & \"odd\" CPU"},
          {"levels",
           {{{"level", "path: memory"},
             {"unit", "packet"},
             {"rejected", {"x"}},
             {"kept_disturbed", json::array()},
             {"interrupted", false},
             {"series",
              {{{"load", "router-64"},
                {"median", 100.0},
                {"interval", {90.0, 110.0}},
                {"ticks", {90.0, 100.0, 200.0}}}}}}}},
          {"headline",
           {{{"figure", "f"}, {"unit", "ticks"}, {"at_most", 25.0}, {"measured", false}},
            {{"figure", "g"},
             {"unit", "times"},
             {"at_least", 0.8},
             {"measured", true},
             {"median", 0.7},
             {"interval", {0.6, 0.8}},
             {"met", false}}}},
          {"stages",
           {{{"load", "router-64"},
             {"ticks", 100.0},
             {"stages", {{{"stage", "fib_lookup"}, {"ticks", 40.0}, {"packets", 64}}}}}}}};
}

size_t Count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(Html, PlotsEveryRoundAndScalesToTheLargest) {
  const std::string page = ToHtml(ExampleRun());
  EXPECT_EQ(Count(page, "<circle"), 3u);
  // 200 ticks are the plot's 620 units: the median's bar is half as long.
  EXPECT_THAT(page, HasSubstr("width='310.0' height='18' fill='#a8c5e2'"));
  EXPECT_THAT(page, HasSubstr("fib_lookup: 40.0 ticks"));
  EXPECT_THAT(page, HasSubstr("Rounds thrown away: 1"));
  EXPECT_EQ(Count(page, "<svg"), Count(page, "</svg>"));
}

TEST(Html, IsSelfContained) {
  const std::string page = ToHtml(ExampleRun());
  for (const char* what : {"http:", "https:", "src=", "href=", "<script", "@import", "url("}) {
    EXPECT_THAT(page, Not(HasSubstr(what)));
  }
}

TEST(Html, EscapesWhatTheMachineSays) {
  const std::string page = ToHtml(ExampleRun());
  EXPECT_THAT(page, HasSubstr("A &lt;fast&gt; &amp; &quot;odd&quot; CPU"));
  EXPECT_THAT(page, Not(HasSubstr("<fast>")));
}

TEST(Html, SaysWhatIsNotMeasuredAndWhatIsNotMet) {
  const std::string page = ToHtml(ExampleRun());
  EXPECT_THAT(page, HasSubstr("<td>not measured"));
  EXPECT_THAT(page, HasSubstr("<b>not met</b>"));
  json none = ExampleRun();
  none["levels"][0]["series"][0]["ticks"] = json::array();
  EXPECT_THAT(ToHtml(none), HasSubstr("there is no figure"));
}

}  // namespace
}  // namespace flyover
