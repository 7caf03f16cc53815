// A description of a document as data. Everything that knows the keys is made from it: validation,
// defaults, "did you mean", docs/configuration.md, config/reference.yaml and the JSON Schema for
// editors. The descriptions themselves stand beside the structs they fill (PortSchema(), ...).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/ip_address.h"

namespace flyover {

// Text that must look like something. The same pattern validates here and in the JSON Schema.
struct TextFormat {
  std::string_view words;    // "a name of letters, digits, '_', '.' and '-', at most 32 long"
  std::string_view pattern;  // ECMAScript, for the whole text
  size_t max_length;         // bytes
  bool may_be_empty = false;
};

struct SchemaKey;

struct Schema {
  enum class Type : uint8_t {
    kText,
    kEnum,
    kBoolean,
    kUnsigned,          // decimal, without sign or leading zero
    kDuration,          // "500ms", "2s", "5m", "1h"
    kRate,              // "1000/s"
    kAddress,           // "10.0.0.1", "2001:db8::1"
    kPrefix,            // "10.0.0.0/8", host bits clear
    kInterfaceAddress,  // "10.0.0.1/24"
    kMac,
    kMap,       // the keys of `keys`
    kNamedMap,  // names that the author chooses, each with one `children[0]`
    kList,      // of `children[0]`
    kOneOf,     // whichever of `children` fits
  };

  Type type = Type::kText;
  const TextFormat* format = nullptr;     // kText; kNamedMap: of the names
  std::vector<std::string_view> values;   // kEnum
  std::vector<std::string_view> not_yet;  // kEnum: known words, refused as "not available yet"
  uint64_t min = 0;                       // kUnsigned, kRate; kDuration: milliseconds
  uint64_t max = 0;                       //
  std::string_view unit;                  // kUnsigned, for people: "bytes"
  uint64_t step = 1;                      // kDuration: milliseconds, a divisor of the value
  std::optional<IpFamily> family;         // kAddress: only this one
  std::vector<SchemaKey> keys;            // kMap
  std::vector<Schema> children;           // kNamedMap, kList: one; kOneOf: the alternatives
  size_t min_items = 0;                   // kNamedMap, kList
  size_t max_items = std::numeric_limits<size_t>::max();
  bool one_or_list = false;  // kList: a single element may stand without brackets
  std::string_view item;     // kNamedMap: what a member is ("port"); its name in the reference
};

struct SchemaKey {
  enum class Presence : uint8_t {
    kDefault,  // `fallback`; a kMap without one has the defaults of its members
    kRequired,
    kOptional,  // may be absent, which means what `fallback_words` says
  };

  std::string_view name;
  Schema schema = {};
  Presence presence = Presence::kDefault;
  std::string fallback = {};  // as the author would write it; "[]" and "{}" for empty ones
  std::string_view fallback_words = {};  // kOptional: what happens without the key
  std::string_view help = {};            // one or two sentences, without a full stop at the end
  std::string_view example = {};         // for the reference, in YAML; default: `fallback`
  bool alternative = false;              // excludes its neighbour: only a comment in the reference
};

// Short forms for descriptions.
Schema Text(const TextFormat& format);
Schema Enum(std::vector<std::string_view> values, std::vector<std::string_view> not_yet = {});
Schema Boolean();
Schema Unsigned(uint64_t min, uint64_t max, std::string_view unit = {});
Schema Duration(uint64_t min_ms, uint64_t max_ms, uint64_t step_ms = 1);
Schema Rate(uint64_t min, uint64_t max);  // per second
Schema Address(std::optional<IpFamily> family = std::nullopt);
Schema Simple(Schema::Type type);  // kPrefix, kInterfaceAddress, kMac
Schema MapOf(std::vector<SchemaKey> keys);
Schema NamedMapOf(const TextFormat& names, std::string_view item, Schema schema, size_t min_items,
                  size_t max_items);
Schema ListOf(Schema element, size_t min_items, size_t max_items);
Schema OneOrListOf(Schema element, size_t min_items, size_t max_items);
Schema OneOf(std::vector<Schema> alternatives);

// What is accepted, for people: "a whole number from 1 to 65535", "auto, or a list of ...".
std::string AcceptedWords(const Schema& schema);

// 90000 -> "90s", 3600000 -> "1h": the largest unit that is exact, in the spelling of documents.
std::string DurationText(uint64_t milliseconds);

// Formats that more than one section uses.
extern const TextFormat kNameFormat;       // of ports, services, backends, data planes
extern const TextFormat kPortNameFormat;   // a reference to a port
extern const TextFormat kNamespaceFormat;  // of network namespaces; may be empty
extern const TextFormat kPathFormat;       // absolute path
extern const TextFormat kInterfaceFormat;  // Linux interface name

}  // namespace flyover
