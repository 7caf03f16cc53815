// A YAML document as a tree of nodes that know where they stand, and the only includer of yaml-cpp.
//
// The tree is built from the parser's events, not from YAML::Node: yaml-cpp's nodes keep the first
// of two equal keys without a word, expand aliases, and convert `010` to 8 and `yes` to true. Here
// every pair and every spelling is kept for the schema to judge.
//
// Refused before or while parsing: more than kMaxDocumentBytes, an empty document, NUL and other
// control bytes, invalid UTF-8, a second document, anchors, aliases, tags, keys that are not plain
// text, nesting beyond kMaxYamlDepth. So the cost is linear in a bounded size, whatever the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config_report.h"

namespace flyover {

inline constexpr size_t kMaxDocumentBytes = size_t{4} << 20;
inline constexpr size_t kMaxYamlDepth = 16;

struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  bool quoted = false;             // kScalar: it stands in quotes or is a block, so it is text
  ConfigPosition at;               // where the value begins
  ConfigPosition key_at;           // member of a kMap: where its key begins
  std::string key;                 // member of a kMap
  std::string text;                // kScalar
  std::vector<YamlNode> children;  // elements of a kList, members of a kMap (twins included)
};

// The tree, or nothing and at least one error in `report`.
std::optional<YamlNode> ParseYaml(std::string_view text, ConfigReport& report);

}  // namespace flyover
