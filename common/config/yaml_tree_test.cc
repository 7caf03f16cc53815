#include "common/config/yaml_tree.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace flyover {
namespace {

std::string Errors(std::string_view text) {
  ConfigReport report("t");
  const auto tree = ParseYaml(text, report);
  EXPECT_EQ(tree.has_value(), report.ok());
  return ToString(report.Errors());
}

TEST(ParseYaml, KeepsTwinsSpellingsAndPlaces) {
  ConfigReport report("t");
  const auto tree = ParseYaml("a: 010\na: 'yes'\nb:\n  - ~\n  - { c: \"\" }\n", report);
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->children.size(), 3u);
  EXPECT_EQ(tree->children[0].text, "010");
  EXPECT_FALSE(tree->children[0].quoted);
  EXPECT_EQ(tree->children[1].key, "a");
  EXPECT_EQ(tree->children[1].text, "yes");
  EXPECT_TRUE(tree->children[1].quoted);
  EXPECT_EQ(tree->children[1].at, (ConfigPosition{2, 4}));
  const YamlNode& list = tree->children[2];
  EXPECT_EQ(list.children[0].kind, YamlNode::Kind::kNull);
  EXPECT_EQ(list.children[1].children[0].text, "");
  EXPECT_EQ(list.children[1].children[0].kind, YamlNode::Kind::kScalar);
}

TEST(ParseYaml, AMissingValueStandsAtItsKey) {
  ConfigReport report("t");
  const auto tree = ParseYaml("a: 1\nb:\n\n\nc: 2\n", report);
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->children[1].kind, YamlNode::Kind::kNull);
  EXPECT_EQ(tree->children[1].at, (ConfigPosition{2, 1}));
}

TEST(ParseYaml, ByteOrderMarkAndCarriageReturnsAreFine) {
  EXPECT_EQ(Errors("\xef\xbb\xbf"
                   "a: 1\r\nb: 2\r\n"),
            "");
  EXPECT_EQ(Errors("---\na: 1\n...\n"), "");
}

TEST(ParseYaml, RefusesWhatIsNoText) {
  EXPECT_EQ(
      Errors(""),
      "t:1:1: document: is empty (0 bytes); accepted: a YAML document with at least 'ports'\n");
  EXPECT_EQ(Errors("# a comment\n"),
            "t:1:1: document: is empty (nothing but comments); accepted: a YAML document with at "
            "least 'ports'\n");
  EXPECT_EQ(Errors(std::string_view("a: 1\nb: \0x", 10)),
            "t:2:4: document: contains a NUL byte; accepted: text in UTF-8\n");
  EXPECT_EQ(Errors("a: \x1b[0m"),
            "t:1:4: document: contains the control byte '\\x1b'; accepted: text in UTF-8\n");
  EXPECT_EQ(Errors("a:\n \tb: 1\n"),
            "t:2:2: document: contains a tab in its indentation; accepted: spaces\n");
}

TEST(ParseYaml, RefusesInvalidUtf8) {
  for (const char* const bytes : {"\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                                  "\xf4\x90\x80\x80", "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x92"}) {
    EXPECT_NE(Errors(std::string("a: ") + bytes).find("t:1:4: document: byte '\\x"),
              std::string::npos);
  }
  EXPECT_EQ(Errors("a: \xc3\xa4 \xe2\x82\xac \xf0\x9f\x92\xa9 \xf4\x8f\xbf\xbf"), "");
}

TEST(ParseYaml, RefusesWhatIsTooLarge) {
  const std::string expected =
      "t:1:1: document: is larger than accepted; accepted: at most 4 MiB of YAML\n";
  EXPECT_EQ(Errors(std::string(kMaxDocumentBytes + 1, ' ')), expected);
  EXPECT_EQ(Errors(std::string(100 << 20, 'a')), expected);
  EXPECT_EQ(Errors("a: 1\n#" + std::string(kMaxDocumentBytes - 6, 'x')), "");
}

TEST(ParseYaml, RefusesAnAliasBomb) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 8; ++j) bomb += ", " + last;
    bomb += "]\n";
  }
  EXPECT_EQ(Errors(bomb),
            "t:1:5: document: anchors and aliases ('&name', '*name') are not accepted; write the "
            "value out\n");
}

// Bytes that nest or repeat what is dear to parse, as many as are accepted.
TEST(ParseYaml, HostileRepetitionEndsSoon) {
  for (const std::string unit :
       {"[",      "{",        "- ",    "? ",    "a: ",         "[a: ", "{a: ", "'",    "\"",
        "&a ",    "!a ",      "*a ",   "|\n",   ">\n",         "#\n",  "\n",   "a\n",  "- a\n",
        "a: b\n", "a: [b]\n", "---\n", "...\n", "%YAML 1.2\n", ",",    ": ",   "{a, ", "[a, "}) {
    std::string text;
    while (text.size() + unit.size() <= 128 * 1024) text += unit;
    const auto begin = std::chrono::steady_clock::now();
    Errors(text);
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(took, std::chrono::seconds(10)) << unit;
  }
}

TEST(ParseYaml, DamagedDocumentsAreSafe) {
  const std::string whole =
      "ports:\n  wan: { device: \"0000:3b:00.0\", addresses: [192.0.2.2/30, '2001:db8::2/64'] }\n"
      "routes:\n  - { to: 0.0.0.0/0, via: 192.0.2.1 }\n  - to: 10.9.0.0/16\n    via: &x [ *x, !t a "
      "]\n"
      "log: |\n  text\n...\n---\n? a\n: b\n";
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 5000; ++i) {
    std::string text = whole;
    for (size_t j = random() % 6 + 1; j > 0 && !text.empty(); --j) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, random() % 8);
          break;
        default:
          text.insert(at, whole.substr(random() % whole.size(), random() % 8));
      }
    }
    Errors(text);
  }
}

}  // namespace
}  // namespace flyover
