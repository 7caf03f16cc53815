#include "common/config/schema_check.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/config/scalar.h"

namespace flyover {
namespace {

using Kind = YamlNode::Kind;
using Type = Schema::Type;

std::string Member(const std::string& path, std::string_view key) {
  // A key may be anything before it is judged; messages stay one line.
  const std::string quoted = Quoted(key);
  const std::string clean = quoted.substr(1, quoted.size() - 2);
  return path.empty() ? clean : path + "." + clean;
}

std::string_view KindWords(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "has no value";
    case Kind::kScalar:
      return "is a single value";
    case Kind::kList:
      return "is a list";
    case Kind::kMap:
      return "is a map";
  }
  return {};
}

Kind KindOf(Type type) {
  if (type == Type::kMap || type == Type::kNamedMap) return Kind::kMap;
  return type == Type::kList ? Kind::kList : Kind::kScalar;
}

class Checker {
 public:
  explicit Checker(ConfigReport& report) : report_(report) {}

  // The value, or nothing when the node itself is wrong.
  std::optional<ConfigValue> Check(const YamlNode& node, const Schema& schema,
                                   const std::string& path) {
    if (node.kind == Kind::kNull) {
      Wrong(node, path, "has no value", schema);
      return std::nullopt;
    }
    if (schema.type == Type::kOneOf) return CheckOneOf(node, schema, path);
    if (schema.type == Type::kList && schema.one_or_list && node.kind != Kind::kList) {
      return CheckSingleElement(node, schema, path);
    }
    if (node.kind != KindOf(schema.type)) {
      Wrong(node, path, std::string(KindWords(node.kind)), schema);
      return std::nullopt;
    }
    switch (schema.type) {
      case Type::kMap:
        return CheckMap(node, schema, path);
      case Type::kNamedMap:
        return CheckNamedMap(node, schema, path);
      case Type::kList:
        return CheckList(node, schema, path);
      default:
        return CheckScalar(node, schema, path);
    }
  }

 private:
  void Wrong(const YamlNode& node, const std::string& path, const std::string& problem,
             const Schema& schema) {
    report_.Error(node.at, path, problem + "; accepted: " + AcceptedWords(schema));
  }

  static ConfigValue At(const YamlNode& node, const std::string& path) {
    ConfigValue value;
    value.at = node.at;
    value.key_at = node.key_at;
    value.key = node.key;
    value.path = path;
    value.given = true;
    return value;
  }

  // Adds a child, or notes that one was faulty.
  static void Adopt(ConfigValue& parent, std::optional<ConfigValue> child) {
    if (!child) {
      parent.complete = false;
      return;
    }
    parent.complete = parent.complete && child->complete;
    parent.items.push_back(*std::move(child));
  }

  std::optional<ConfigValue> CheckScalar(const YamlNode& node, const Schema& schema,
                                         const std::string& path) {
    std::string problem;
    auto scalar = ParseScalar(schema, node.text, node.quoted, problem);
    if (!scalar) {
      Wrong(node, path, problem, schema);
      return std::nullopt;
    }
    ConfigValue value = At(node, path);
    value.scalar = *std::move(scalar);
    return value;
  }

  std::optional<ConfigValue> CheckOneOf(const YamlNode& node, const Schema& schema,
                                        const std::string& path) {
    std::string problem(KindWords(node.kind));
    for (const Schema& alternative : schema.children) {
      if (KindOf(alternative.type) != node.kind) continue;
      if (node.kind != Kind::kScalar) return Check(node, alternative, path);
      std::string why;
      if (auto scalar = ParseScalar(alternative, node.text, node.quoted, why)) {
        ConfigValue value = At(node, path);
        value.scalar = *std::move(scalar);
        return value;
      }
      problem = why;  // of the last: alternatives go from the keyword to the general form
    }
    Wrong(node, path, problem, schema);
    return std::nullopt;
  }

  std::optional<ConfigValue> CheckSingleElement(const YamlNode& node, const Schema& schema,
                                                const std::string& path) {
    ConfigValue list = At(node, path);
    Adopt(list, Check(node, schema.children.front(), path));
    return list;
  }

  std::optional<ConfigValue> CheckList(const YamlNode& node, const Schema& schema,
                                       const std::string& path) {
    ConfigValue list = At(node, path);
    for (size_t i = 0; i < node.children.size() && i < schema.max_items; ++i) {
      const std::string element = path + "[" + std::to_string(i) + "]";
      Adopt(list, Check(node.children[i], schema.children.front(), element));
    }
    CheckCount(node, schema, path, list, "element");
    return list;
  }

  std::optional<ConfigValue> CheckNamedMap(const YamlNode& node, const Schema& schema,
                                           const std::string& path) {
    ConfigValue map = At(node, path);
    std::map<std::string_view, ConfigPosition> seen;
    for (size_t i = 0; i < node.children.size() && i < schema.max_items; ++i) {
      const YamlNode& member = node.children[i];
      const std::string member_path = Member(path, member.key);
      if (!Matches(*schema.format, member.key)) {
        report_.Error(member.key_at, path,
                      Quoted(member.key) + " cannot name a " + std::string(schema.item) +
                          "; accepted: " + std::string(schema.format->words));
        map.complete = false;
      } else if (IsTwin(member, member_path, seen)) {
        map.complete = false;
        continue;
      }
      Adopt(map, Check(member, schema.children.front(), member_path));
    }
    CheckCount(node, schema, path, map, schema.item);
    return map;
  }

  void CheckCount(const YamlNode& node, const Schema& schema, const std::string& path,
                  ConfigValue& value, std::string_view item) {
    const size_t count = node.children.size();
    if (count >= schema.min_items && count <= schema.max_items) return;
    value.complete = false;
    const bool too_many = count > schema.max_items;
    const YamlNode& culprit = too_many ? node.children[schema.max_items] : node;
    const bool named = too_many && node.kind == Kind::kMap;
    report_.Error(named ? culprit.key_at : culprit.at, path,
                  "has " + std::to_string(count) + " " + std::string(item) +
                      (count == 1 ? "" : "s") + "; accepted: " +
                      (too_many ? "at most " + std::to_string(schema.max_items)
                                : "at least " + std::to_string(schema.min_items)));
  }

  bool IsTwin(const YamlNode& member, const std::string& path,
              std::map<std::string_view, ConfigPosition>& seen) {
    const auto [first, is_new] = seen.emplace(member.key, member.key_at);
    if (is_new) return false;
    report_.Error(member.key_at, path,
                  "appears twice (first in line " + std::to_string(first->second.line) +
                      "); accepted: every key once");
    return true;
  }

  std::optional<ConfigValue> CheckMap(const YamlNode& node, const Schema& schema,
                                      const std::string& path) {
    ConfigValue map = At(node, path);
    std::map<std::string_view, ConfigPosition> seen;
    std::map<std::string_view, const YamlNode*> given;
    for (const YamlNode& member : node.children) {
      if (IsTwin(member, Member(path, member.key), seen)) {
        map.complete = false;
      } else {
        given.emplace(member.key, &member);
      }
    }
    // A misspelled key is one mistake, not also a missing one.
    std::set<std::string_view> meant;
    for (const YamlNode& member : node.children) {
      if (FindKey(schema, member.key) != nullptr) continue;
      meant.insert(ReportUnknown(member, schema, Member(path, member.key)));
      map.complete = false;
    }
    for (const SchemaKey& key : schema.keys) {
      const auto found = given.find(key.name);
      if (found != given.end()) {
        Adopt(map, Check(*found->second, key.schema, Member(path, key.name)));
      } else {
        AdoptDefault(map, key, meant.count(key.name) > 0);
      }
    }
    return map;
  }

  static const SchemaKey* FindKey(const Schema& schema, std::string_view name) {
    for (const SchemaKey& key : schema.keys) {
      if (key.name == name) return &key;
    }
    return nullptr;
  }

  // Gives the key that was probably meant, or an empty view.
  std::string_view ReportUnknown(const YamlNode& member, const Schema& schema,
                                 const std::string& path) {
    std::vector<std::string_view> names;
    std::string accepted;
    for (const SchemaKey& key : schema.keys) {
      names.push_back(key.name);
      accepted += (accepted.empty() ? "" : ", ") + std::string(key.name);
    }
    const std::string_view closest = ClosestWord(member.key, names);
    report_.Error(member.key_at, path,
                  "unknown key" +
                      (closest.empty() ? "" : " (did you mean " + Quoted(closest) + "?)") +
                      "; accepted: " + accepted);
    return closest;
  }

  // What stands for a key that the author left out.
  void AdoptDefault(ConfigValue& map, const SchemaKey& key, bool misspelled) {
    if (key.presence == SchemaKey::Presence::kOptional) return;
    const std::string path = Member(map.path, key.name);
    if (key.presence == SchemaKey::Presence::kRequired) {
      map.complete = false;
      if (misspelled) return;
      report_.Error(map.at, path,
                    "required key is missing; accepted: " + AcceptedWords(key.schema));
      return;
    }
    YamlNode node;
    node.at = map.at;
    node.key_at = map.at;
    node.key = key.name;
    if (key.schema.type == Type::kMap || key.fallback == "{}") {
      node.kind = Kind::kMap;
    } else if (key.fallback == "[]") {
      node.kind = Kind::kList;
    } else {
      node.kind = Kind::kScalar;
      node.text = key.fallback;
    }
    std::optional<ConfigValue> value = Check(node, key.schema, path);
    if (value) value->given = false;
    Adopt(map, std::move(value));
  }

  ConfigReport& report_;
};

}  // namespace

const ConfigValue* ConfigValue::Find(std::string_view name) const {
  for (const ConfigValue& item : items) {
    if (item.key == name) return &item;
  }
  return nullptr;
}

const std::vector<ConfigValue>& ConfigValue::ItemsOf(std::string_view name) const {
  static const std::vector<ConfigValue> kNone;
  const ConfigValue* const member = Find(name);
  return member == nullptr ? kNone : member->items;
}

ConfigValue CheckSchema(const YamlNode& root, const Schema& schema, ConfigReport& report) {
  auto value = Checker(report).Check(root, schema, "");
  if (value) return *std::move(value);
  ConfigValue nothing;
  nothing.complete = false;
  return nothing;
}

}  // namespace flyover
