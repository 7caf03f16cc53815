// config/flyover.schema.json.
#include <nlohmann/json.hpp>

#include "tools/config_doc/generators.h"

namespace flyover {
namespace {

using Json = nlohmann::ordered_json;
using Type = Schema::Type;

Json Describe(const Schema& schema);

Json Pattern(const std::string& pattern) {
  return {{"type", "string"}, {"pattern", "^(" + pattern + ")$"}};
}

Json DescribeAddress(const Schema& schema) {
  const Json v4 = {{"format", "ipv4"}}, v6 = {{"format", "ipv6"}};
  Json json = {{"type", "string"}};
  if (!schema.family) {
    json["anyOf"] = Json::array({v4, v6});
  } else {
    json.update(*schema.family == IpFamily::kIpv4 ? v4 : v6);
  }
  return json;
}

// The default as a value of JSON, where the spelling in the document leaves no doubt.
Json DefaultValue(const SchemaKey& key) {
  if (key.fallback == "[]") return Json::array();
  if (key.fallback == "{}") return Json::object();
  const bool number =
      !key.fallback.empty() && key.fallback.find_first_not_of("0123456789") == std::string::npos;
  if (number) return std::stoull(key.fallback);
  if (key.schema.type == Type::kBoolean) return key.fallback == "true";
  return key.fallback;
}

Json DescribeMap(const Schema& schema) {
  Json properties = Json::object(), required = Json::array();
  for (const SchemaKey& key : schema.keys) {
    const std::string name(key.name);
    Json member = Describe(key.schema);
    member["description"] = key.help;
    if (key.presence == SchemaKey::Presence::kRequired) required.push_back(name);
    if (key.presence == SchemaKey::Presence::kDefault && key.schema.type != Type::kMap) {
      member["default"] = DefaultValue(key);
    }
    properties[name] = std::move(member);
  }
  Json json = {
      {"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
  if (!required.empty()) json["required"] = std::move(required);
  return json;
}

Json DescribeList(const Schema& schema) {
  const Json element = Describe(schema.children.front());
  const Json list = {{"type", "array"},
                     {"items", element},
                     {"minItems", schema.min_items},
                     {"maxItems", schema.max_items}};
  return schema.one_or_list ? Json{{"anyOf", Json::array({element, list})}} : list;
}

// Words that are numbers are numbers to an editor.
Json DescribeEnum(const Schema& schema) {
  Json values = Json::array();
  for (const std::string_view value : schema.values) {
    const bool number = value.find_first_not_of("0123456789") == value.npos;
    values.push_back(number ? Json(std::stoull(std::string(value))) : Json(value));
  }
  return {{"enum", values}};
}

Json Describe(const Schema& schema) {
  switch (schema.type) {
    case Type::kText: {
      Json json = Pattern(std::string(schema.format->pattern));
      json["maxLength"] = schema.format->max_length;
      return json;
    }
    case Type::kEnum:
      return DescribeEnum(schema);
    case Type::kBoolean:
      return {{"type", "boolean"}};
    case Type::kUnsigned:
      return {{"type", "integer"}, {"minimum", schema.min}, {"maximum", schema.max}};
    case Type::kDuration:
      return Pattern("(0|[1-9][0-9]*)(ms|s|m|h)");
    case Type::kRate:
      return Pattern("(0|[1-9][0-9]*)/s");
    case Type::kAddress:
      return DescribeAddress(schema);
    case Type::kPrefix:
    case Type::kInterfaceAddress:
      return Pattern("[0-9A-Fa-f:.]+/(0|[1-9][0-9]{0,2})");
    case Type::kMac:
      return Pattern("[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}");
    case Type::kMap:
      return DescribeMap(schema);
    case Type::kNamedMap:
      return {{"type", "object"},
              {"propertyNames", Pattern(std::string(schema.format->pattern))},
              {"additionalProperties", Describe(schema.children.front())},
              {"minProperties", schema.min_items},
              {"maxProperties", schema.max_items}};
    case Type::kList:
      return DescribeList(schema);
    case Type::kOneOf: {
      Json alternatives = Json::array();
      for (const Schema& child : schema.children) alternatives.push_back(Describe(child));
      return {{"anyOf", std::move(alternatives)}};
    }
  }
  return {};
}

}  // namespace

std::string JsonSchema(const Schema& document) {
  Json json = {{"$schema", "http://json-schema.org/draft-07/schema#"},
               {"title", "Flyover document"},
               {"description", "Made by tools/config_doc from the description that validates."}};
  json.update(Describe(document));
  return json.dump(2) + "\n";
}

}  // namespace flyover
