#include "common/config/schema_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flyover {
namespace {

using testing::ElementsAre;
using Presence = SchemaKey::Presence;

// A small document with one of everything.
Schema TestSchema() {
  const Schema member = MapOf({
      {.name = "address", .schema = Address(), .presence = Presence::kRequired},
      {.name = "weight", .schema = Unsigned(0, 9), .fallback = "5"},
  });
  return MapOf({
      {.name = "mode", .schema = Enum({"fast", "slow"}), .fallback = "fast"},
      {.name = "lcores",
       .schema = OneOf({Enum({"auto"}), Unsigned(1, 8), ListOf(Unsigned(0, 7), 1, 2)}),
       .fallback = "auto"},
      {.name = "tables", .schema = OneOrListOf(Unsigned(1, 9), 1, 3), .fallback = "4"},
      {.name = "note", .schema = Text(kNameFormat), .presence = Presence::kOptional},
      {.name = "members",
       .schema = NamedMapOf(kNameFormat, "member", member, 0, 2),
       .fallback = "{}"},
      {.name = "timers",
       .schema = MapOf({{.name = "idle", .schema = Duration(1, 60'000), .fallback = "2s"}})},
  });
}

struct Checked {
  ConfigValue value;
  std::vector<std::string> errors;
};

Checked Check(const std::string& text) {
  ConfigReport report("t");
  Checked checked;
  if (const auto tree = ParseYaml(text, report)) {
    checked.value = CheckSchema(*tree, TestSchema(), report);
  }
  for (const ConfigError& error : report.Errors()) checked.errors.push_back(error.ToString());
  return checked;
}

TEST(CheckSchema, FillsInDefaults) {
  const Checked checked = Check("{}");
  EXPECT_THAT(checked.errors, ElementsAre());
  const ConfigValue& value = checked.value;
  EXPECT_TRUE(value.complete);
  EXPECT_EQ(value.Find("mode")->As<std::string>(), "fast");
  EXPECT_FALSE(value.Find("mode")->given);
  EXPECT_EQ(value.Find("lcores")->As<std::string>(), "auto");
  EXPECT_EQ(value.ItemsOf("tables")[0].As<uint64_t>(), 4u);
  EXPECT_EQ(value.Find("note"), nullptr);
  EXPECT_TRUE(value.ItemsOf("members").empty());
  std::chrono::seconds idle{};
  value.Find("timers")->Get("idle", idle);
  EXPECT_EQ(idle.count(), 2);
}

TEST(CheckSchema, KeepsPlacesAndPaths) {
  const Checked checked =
      Check("members:\n  a: { address: 10.0.0.1, weight: 7 }\ntables: [1, 2]\n");
  EXPECT_THAT(checked.errors, ElementsAre());
  const ConfigValue& weight = *checked.value.ItemsOf("members")[0].Find("weight");
  EXPECT_EQ(weight.path, "members.a.weight");
  EXPECT_EQ(weight.at, (ConfigPosition{2, 35}));
  EXPECT_EQ(weight.key_at, (ConfigPosition{2, 27}));
  EXPECT_EQ(checked.value.ItemsOf("tables")[1].path, "tables[1]");
}

TEST(CheckSchema, OneOfTakesEveryForm) {
  EXPECT_EQ(Check("lcores: 3").value.Find("lcores")->As<uint64_t>(), 3u);
  EXPECT_EQ(Check("lcores: [3, 5]").value.ItemsOf("lcores").size(), 2u);
  EXPECT_THAT(
      Check("lcores: { a: 1 }").errors,
      ElementsAre("t:1:9: lcores: is a map; accepted: auto, a whole number from 1 to 8, or a "
                  "list, each element a whole number from 0 to 7"));
}

TEST(CheckSchema, ReportsEverythingAtOnce) {
  EXPECT_THAT(
      Check("mod: fast\nmode: fats\ntables: []\nmembers:\n  a: { weight: 10 }\n  a: {}\nnote:\n")
          .errors,
      ElementsAre(
          "t:1:1: mod: unknown key (did you mean 'mode'?); accepted: mode, lcores, tables, note, "
          "members, timers",
          "t:2:7: mode: 'fats' is not one of the accepted words (did you mean 'fast'?); accepted: "
          "fast, slow",
          "t:3:9: tables: has 0 elements; accepted: at least 1",
          "t:5:6: members.a.address: required key is missing; accepted: an IPv4 or IPv6 address",
          "t:5:16: members.a.weight: '10' is out of range; accepted: a whole number from 0 to 9",
          "t:6:3: members.a: appears twice (first in line 5); accepted: every key once",
          "t:7:1: note: has no value; accepted: a name of letters, digits, '_', '.' and '-', at "
          "most "
          "32 long, that begins with none of '.', '-'"));
}

TEST(CheckSchema, AMisspelledRequiredKeyIsOneMistake) {
  EXPECT_THAT(Check("members: { a: { adress: 10.0.0.1 } }").errors,
              ElementsAre("t:1:17: members.a.adress: unknown key (did you mean 'address'?); "
                          "accepted: address, weight"));
}

TEST(CheckSchema, MarksWhatIsIncomplete) {
  const Checked checked = Check("members: { a: { address: nonsense }, b: { address: 10.0.0.1 } }");
  const ConfigValue& members = *checked.value.Find("members");
  EXPECT_FALSE(checked.value.complete);
  EXPECT_FALSE(members.complete);
  EXPECT_FALSE(members.items[0].complete);
  EXPECT_EQ(members.items[0].Find("address"), nullptr);
  EXPECT_TRUE(members.items[1].complete);
  EXPECT_TRUE(checked.value.Find("timers")->complete);
}

TEST(CheckSchema, TooManyPointsAtTheFirstTooMany) {
  EXPECT_THAT(Check("tables: [1, 2, 3, 4]").errors,
              ElementsAre("t:1:19: tables: has 4 elements; accepted: at most 3"));
  EXPECT_THAT(Check("members:\n  a: {address: 1.1.1.1}\n  b: {address: 1.1.1.2}\n  c: {}\n").errors,
              ElementsAre("t:4:3: members: has 3 members; accepted: at most 2"));
}

TEST(CheckSchema, KeysOfAnyBytesStayOneLine) {
  const Checked checked = Check("\"a\\nb\": 1\n");
  ASSERT_EQ(checked.errors.size(), 1u);
  EXPECT_THAT(checked.errors[0], testing::StartsWith("t:1:1: a\\x0ab: unknown key"));
}

}  // namespace
}  // namespace flyover
