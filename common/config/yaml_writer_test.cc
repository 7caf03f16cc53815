#include "common/config/yaml_writer.h"

#include <gtest/gtest.h>

#include "common/config/yaml_tree.h"

namespace flyover {
namespace {

TEST(YamlWriter, WritesBlocks) {
  YamlWriter out;
  out.Begin("ports");
  out.Begin("wan");
  out.Text("device", "0000:3b:00.0");
  out.Put("mtu", 1500);
  out.Texts("addresses", {"10.0.0.1/24", "2001:db8::1/64"});
  out.End();
  out.End();
  out.Begin("routes");
  out.BeginElement();
  out.Text("to", "10.0.0.0/8");
  out.Begin("via");
  out.BeginElement();
  out.Flag("fast", true);
  out.Put("weight", 2);
  out.End();
  out.End();
  out.End();
  out.End();
  EXPECT_EQ(out.text(),
            "ports:\n"
            "  wan:\n"
            "    device: \"0000:3b:00.0\"\n"
            "    mtu: 1500\n"
            "    addresses: [10.0.0.1/24, \"2001:db8::1/64\"]\n"
            "routes:\n"
            "  - to: 10.0.0.0/8\n"
            "    via:\n"
            "      - fast: true\n"
            "        weight: 2\n");
}

TEST(YamlText, ReadsBackAsTheSameText) {
  for (const std::string text :
       {"", "web1", "null", "~", "true", "off", "2001:db8::", "- a", "#x", "a\"b\\c", " padded ",
        "{a", "&anchor", "*alias", "!tag", "|", "a\x01z", ".inf"}) {
    ConfigReport report("t");
    const auto tree = ParseYaml("key: " + YamlText(text) + "\n", report);
    ASSERT_TRUE(tree) << ToString(report.Errors());
    EXPECT_EQ(tree->children[0].kind, YamlNode::Kind::kScalar) << text;
    EXPECT_EQ(tree->children[0].text, text);
  }
}

}  // namespace
}  // namespace flyover
