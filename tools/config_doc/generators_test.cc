// What is generated is what is checked in; tools/config_doc/regenerate mends a difference.
#include "tools/config_doc/generators.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tools/flyoverd/document/document.h"
#include "tools/flyoverd/document/document_schema.h"

namespace flyover {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Not EXPECT_EQ: a page of differences helps nobody.
void ExpectUpToDate(const std::string& path, const std::string& generated) {
  EXPECT_TRUE(Contents(path) == generated) << path << " is stale; run tools/config_doc/regenerate";
}

TEST(Generators, CheckedInFilesAreUpToDate) {
  const Schema schema = DocumentSchema();
  ExpectUpToDate("config/reference.yaml", ReferenceYaml(schema));
  ExpectUpToDate("config/flyover.schema.json", JsonSchema(schema));
  ExpectUpToDate("docs/configuration.md", ConfigurationMarkdown(schema));
  ExpectUpToDate("docs/counters.md", CountersMarkdown());
}

// Every key stands in each of the generated documents, with help.
void ExpectEverywhere(const Schema& schema, const std::string& reference,
                      const std::string& markdown, const nlohmann::json& json) {
  for (const SchemaKey& key : schema.keys) {
    const std::string name(key.name);
    EXPECT_FALSE(key.help.empty()) << name;
    EXPECT_FALSE(key.help.ends_with('.')) << name;
    EXPECT_NE(reference.find(name + ":"), std::string::npos) << name;
    EXPECT_NE(markdown.find("| `" + name + "` |"), std::string::npos) << name;
    ASSERT_TRUE(json.at("properties").contains(name)) << name;
    if (key.schema.type == Schema::Type::kMap) {
      ExpectEverywhere(key.schema, reference, markdown, json["properties"][name]);
    } else if (key.schema.type == Schema::Type::kNamedMap) {
      const Schema& member = key.schema.children.front();
      if (member.type == Schema::Type::kMap) {
        ExpectEverywhere(member, reference, markdown,
                         json["properties"][name]["additionalProperties"]);
      }
    }
  }
}

TEST(Generators, NameEveryKey) {
  const Schema schema = DocumentSchema();
  ExpectEverywhere(schema, ReferenceYaml(schema), ConfigurationMarkdown(schema),
                   nlohmann::json::parse(JsonSchema(schema)));
}

TEST(Generators, TheReferenceIsAValidDocument) {
  const ParsedDocument parsed = ParseDocument(ReferenceYaml(DocumentSchema()), "reference");
  EXPECT_TRUE(parsed.document.has_value()) << ToString(parsed.errors);
}

TEST(Generators, CountersNameEveryReason) {
  const std::string counters = CountersMarkdown();
  for (const char* const label :
       {"ttl_expired", "vip_no_backend", "routing", "link_control", "flyover_drops_total"}) {
    EXPECT_NE(counters.find("| `" + std::string(label) + "` |"), std::string::npos) << label;
  }
}

}  // namespace
}  // namespace flyover
