// docs/configuration.md.
#include "tools/config_doc/generators.h"

namespace flyover {
namespace {

using Presence = SchemaKey::Presence;
using Type = Schema::Type;

constexpr char kIntroduction[] = R"(# Configuration

*Made by `tools/config_doc` from the description that validates; edit that, not this page.*

One YAML document is the whole box. `flyover check FILE` validates it without touching anything,
`flyover reload FILE` applies it to the running daemon, and `flyover show config` prints what runs, with
every default filled in. A document with any mistake changes nothing: all mistakes are listed at once, as
`file:line:column: path: what is wrong; what is accepted`.

- [config/default.yaml](../config/default.yaml) is where to start, [config/examples/](../config/examples)
  holds whole boxes, [config/reference.yaml](../config/reference.yaml) every key.
- [config/flyover.schema.json](../config/flyover.schema.json) lets editors complete and check; the line
  `# yaml-language-server: $schema=flyover.schema.json` at the top of a document names it.

## Rules of the format

- Every key has a default, save those marked *required*. Unknown keys and keys that appear twice are
  mistakes.
- Numbers are decimal, without sign, quotes or leading zero. `true` and `false` are the only booleans.
- Durations and rates carry their unit: `500ms`, `2s`, `5m`, `1h`; `1000/s`.
- A prefix has no host bits (`10.9.0.0/16`), the address of a port has its length (`10.0.0.1/24`).
- IPv6 addresses that end in a colon, or stand in `[...]` or `{...}`, need quotes, as YAML wants it.
- A key without a value is a mistake: leave it out, or write `[]`, `{}` or `""`.
- One document a file, at most 4 MiB, UTF-8, 16 levels deep, no anchors, aliases or tags.
- Where a list is accepted as "one, or a list of such", a single element needs no brackets.

)";

std::string Escaped(std::string_view words) {
  std::string text;
  for (const char c : words) {
    if (c == '|' || c == '<' || c == '>') text += '\\';
    text += c;
  }
  return text;
}

// The map behind an element of a list, a named map or a one-of; null when there is none.
const Schema* InnerMap(const Schema& schema) {
  if (schema.type == Type::kMap) return &schema;
  for (const Schema& child : schema.children) {
    if (const Schema* const found = InnerMap(child)) return found;
  }
  return nullptr;
}

std::string PathOf(const std::string& parent, const SchemaKey& key) {
  std::string path = (parent.empty() ? "" : parent + ".") + std::string(key.name);
  if (key.schema.type == Type::kNamedMap) path += ".<" + std::string(key.schema.item) + ">";
  if (key.schema.type == Type::kList) path += "[]";
  return path;
}

std::string Default(const SchemaKey& key) {
  if (key.presence == Presence::kRequired) return "*required*";
  if (key.presence == Presence::kOptional) return Escaped(key.fallback_words);
  if (key.schema.type == Type::kMap) return "";
  return "`" + (key.fallback.empty() ? "\"\"" : key.fallback) + "`";
}

std::string Accepted(const SchemaKey& key, const std::string& path) {
  if (InnerMap(key.schema) == nullptr) return Escaped(AcceptedWords(key.schema));
  if (key.schema.type == Type::kMap) return "see `" + path + "` below";
  if (key.schema.type == Type::kNamedMap) {
    return Escaped(AcceptedWords(key.schema)) + ", see `" + path + "` below";
  }
  const bool addresses = key.schema.children.front().type == Type::kOneOf;
  return std::string(addresses ? "an address, a map, or a list of such" : "a list of maps") +
         ", see `" + path + "` below";
}

void WriteMap(const std::string& path, const Schema& map, unsigned level, std::string& out) {
  out += "| Key | Accepted | Default | Meaning |\n|---|---|---|---|\n";
  for (const SchemaKey& key : map.keys) {
    out += "| `" + std::string(key.name) + "` | " + Accepted(key, PathOf(path, key)) + " | " +
           Default(key) + " | " + Escaped(key.help) + " |\n";
  }
  out += "\n";
  for (const SchemaKey& key : map.keys) {
    const Schema* const inner = InnerMap(key.schema);
    if (inner == nullptr) continue;
    const std::string inner_path = PathOf(path, key);
    out += std::string(level, '#') + " `" + inner_path + "`\n\n" + Escaped(key.help) + ".\n\n";
    WriteMap(inner_path, *inner, level < 4 ? level + 1 : level, out);
  }
}

}  // namespace

std::string ConfigurationMarkdown(const Schema& document) {
  std::string out = kIntroduction;
  out += "## The document\n\n";
  WriteMap("", document, 2, out);
  out.pop_back();  // the empty line behind the last table
  return out;
}

}  // namespace flyover
