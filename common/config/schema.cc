#include "common/config/schema.h"

#include <utility>

namespace flyover {
namespace {

Schema OfType(Schema::Type type) {
  Schema schema;
  schema.type = type;
  return schema;
}

Schema WithRange(Schema::Type type, uint64_t min, uint64_t max) {
  Schema schema = OfType(type);
  schema.min = min;
  schema.max = max;
  return schema;
}

std::string Joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

std::string OneOfWords(const std::vector<Schema>& alternatives) {
  std::string text;
  for (size_t i = 0; i < alternatives.size(); ++i) {
    if (i > 0) text += i + 1 == alternatives.size() ? ", or " : ", ";
    text += AcceptedWords(alternatives[i]);
  }
  return text;
}

std::string KeyNames(const std::vector<SchemaKey>& keys) {
  std::vector<std::string_view> names;
  names.reserve(keys.size());
  for (const SchemaKey& key : keys) names.push_back(key.name);
  return Joined(names);
}

}  // namespace

const TextFormat kNameFormat{
    "a name of letters, digits, '_', '.' and '-', at most 32 long, that begins with none of '.', "
    "'-'",
    "[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}", 32};
const TextFormat kPortNameFormat{"the name of a port", "[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}", 32};
const TextFormat kNamespaceFormat{
    "the name of a network namespace as in `ip netns`, or \"\" for the daemon's own",
    "([A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?", 64, true};
const TextFormat kPathFormat{"an absolute path without spaces", "/[!-~]*", 1024};
const TextFormat kInterfaceFormat{
    "an interface name of letters, digits, '_', '.' and '-', at most 15 long",
    "[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}", 15};

Schema Text(const TextFormat& format) {
  Schema schema = OfType(Schema::Type::kText);
  schema.format = &format;
  return schema;
}

Schema Enum(std::vector<std::string_view> values, std::vector<std::string_view> not_yet) {
  Schema schema = OfType(Schema::Type::kEnum);
  schema.values = std::move(values);
  schema.not_yet = std::move(not_yet);
  return schema;
}

Schema Boolean() { return OfType(Schema::Type::kBoolean); }

Schema Unsigned(uint64_t min, uint64_t max, std::string_view unit) {
  Schema schema = WithRange(Schema::Type::kUnsigned, min, max);
  schema.unit = unit;
  return schema;
}

Schema Duration(uint64_t min_ms, uint64_t max_ms, uint64_t step_ms) {
  Schema schema = WithRange(Schema::Type::kDuration, min_ms, max_ms);
  schema.step = step_ms;
  return schema;
}

Schema Rate(uint64_t min, uint64_t max) { return WithRange(Schema::Type::kRate, min, max); }

Schema Address(std::optional<IpFamily> family) {
  Schema schema = OfType(Schema::Type::kAddress);
  schema.family = family;
  return schema;
}

Schema Simple(Schema::Type type) { return OfType(type); }

Schema MapOf(std::vector<SchemaKey> keys) {
  Schema schema = OfType(Schema::Type::kMap);
  schema.keys = std::move(keys);
  return schema;
}

Schema NamedMapOf(const TextFormat& names, std::string_view item, Schema member, size_t min_items,
                  size_t max_items) {
  Schema schema = ListOf(std::move(member), min_items, max_items);
  schema.type = Schema::Type::kNamedMap;
  schema.format = &names;
  schema.item = item;
  return schema;
}

Schema ListOf(Schema element, size_t min_items, size_t max_items) {
  Schema schema = OfType(Schema::Type::kList);
  schema.children.push_back(std::move(element));
  schema.min_items = min_items;
  schema.max_items = max_items;
  return schema;
}

Schema OneOrListOf(Schema element, size_t min_items, size_t max_items) {
  Schema schema = ListOf(std::move(element), min_items, max_items);
  schema.one_or_list = true;
  return schema;
}

Schema OneOf(std::vector<Schema> alternatives) {
  Schema schema = OfType(Schema::Type::kOneOf);
  schema.children = std::move(alternatives);
  return schema;
}

std::string DurationText(uint64_t milliseconds) {
  if (milliseconds == 0 || milliseconds % 1000 != 0) return std::to_string(milliseconds) + "ms";
  const uint64_t seconds = milliseconds / 1000;
  if (seconds % 3600 == 0) return std::to_string(seconds / 3600) + "h";
  if (seconds % 60 == 0) return std::to_string(seconds / 60) + "m";
  return std::to_string(seconds) + "s";
}

std::string AcceptedWords(const Schema& schema) {
  switch (schema.type) {
    case Schema::Type::kText:
      return std::string(schema.format->words);
    case Schema::Type::kEnum:
      return Joined(schema.values);
    case Schema::Type::kBoolean:
      return "true, false";
    case Schema::Type::kUnsigned:
      return "a whole number from " + std::to_string(schema.min) + " to " +
             std::to_string(schema.max) +
             (schema.unit.empty() ? "" : " (" + std::string(schema.unit) + ")");
    case Schema::Type::kDuration:
      return "a duration from " + DurationText(schema.min) + " to " + DurationText(schema.max) +
             (schema.step == 1 ? "" : " in steps of " + DurationText(schema.step)) +
             " (units: ms, s, m, h)";
    case Schema::Type::kRate:
      return "a rate from " + std::to_string(schema.min) + "/s to " + std::to_string(schema.max) +
             "/s";
    case Schema::Type::kAddress:
      if (!schema.family) return "an IPv4 or IPv6 address";
      return *schema.family == IpFamily::kIpv4 ? "an IPv4 address" : "an IPv6 address";
    case Schema::Type::kPrefix:
      return "a prefix such as 10.9.0.0/16 or 2001:db8::/32";
    case Schema::Type::kInterfaceAddress:
      return "an address with its prefix length, such as 192.0.2.2/30 or 2001:db8::2/64";
    case Schema::Type::kMac:
      return "a MAC address such as 02:00:00:00:00:01";
    case Schema::Type::kMap:
      return "a map with the keys " + KeyNames(schema.keys);
    case Schema::Type::kNamedMap:
      return "a map from names to " + std::string(schema.item) + "s";
    case Schema::Type::kList: {
      const std::string element = AcceptedWords(schema.children.front());
      return schema.one_or_list ? element + ", or a list of such"
                                : "a list, each element " + element;
    }
    case Schema::Type::kOneOf:
      return OneOfWords(schema.children);
  }
  return {};
}

}  // namespace flyover
