// config/reference.yaml.
#include "tools/config_doc/generators.h"

namespace flyover {
namespace {

using Presence = SchemaKey::Presence;
using Type = Schema::Type;

constexpr size_t kWidth = 100;

class ReferenceWriter {
 public:
  void Map(const Schema& schema, bool top) {
    for (const SchemaKey& key : schema.keys) {
      if (top) text_ += "\n";
      Key(key);
    }
  }
  std::string Take() { return std::move(text_); }

 private:
  void Line(const std::string& line) {
    // The dash of a list's element stands two to the left of its keys.
    const std::string indent(indent_ - (dash_ ? 2 : 0), ' ');
    text_ += indent + (commented_ ? "# " : "") + (dash_ ? "- " : "") + line + "\n";
    dash_ = false;
  }

  // Folded at kWidth, each line a comment.
  void Comment(const std::string& words) {
    const std::string lead = std::string(indent_, ' ') + (commented_ ? "# # " : "# ");
    std::string line;
    size_t begin = 0;
    while (begin < words.size()) {
      size_t end = words.find(' ', begin);
      if (end == std::string::npos) end = words.size();
      const std::string word = words.substr(begin, end - begin);
      if (!line.empty() && lead.size() + line.size() + 1 + word.size() > kWidth) {
        text_ += lead + line + "\n";
        line.clear();
      }
      line += (line.empty() ? "" : " ") + word;
      begin = end + 1;
    }
    text_ += lead + line + "\n";
  }

  // The map whose keys must be shown for an element of a list, if it is one.
  static const Schema* ElementMap(const Schema& schema) {
    if (schema.type != Type::kList) return nullptr;
    const Schema& element = schema.children.front();
    if (element.type == Type::kMap) return &element;
    if (element.type != Type::kOneOf) return nullptr;
    for (const Schema& alternative : element.children) {
      if (alternative.type == Type::kMap) return &alternative;
    }
    return nullptr;
  }

  void Explain(const SchemaKey& key) {
    Comment(std::string(key.help) + ".");
    if (key.schema.type == Type::kMap) return;
    std::string facts = "Accepted: ";
    if (ElementMap(key.schema) != nullptr) {
      facts += key.schema.one_or_list ? "an address, or a list of addresses and maps as here"
                                      : "a list of maps as here";
    } else {
      facts += AcceptedWords(key.schema);
    }
    Comment(facts + ". " + DefaultSentence(key));
  }

  static std::string DefaultSentence(const SchemaKey& key) {
    if (key.presence == Presence::kRequired) return "Required.";
    if (key.presence == Presence::kOptional) {
      return "Default: " + std::string(key.fallback_words) + ".";
    }
    return "Default: " + (key.fallback.empty() ? "\"\"" : key.fallback) + ".";
  }

  void Key(const SchemaKey& key) {
    const bool was_commented = commented_;
    commented_ = commented_ || key.alternative;
    Explain(key);
    const std::string name(key.name);
    if (key.schema.type == Type::kMap) {
      Nested(name + ":", key.schema);
    } else if (key.schema.type == Type::kNamedMap) {
      NamedMap(key);
    } else if (const Schema* const element = ElementMap(key.schema)) {
      Line(name + ":");
      indent_ += 4;
      dash_ = true;
      Map(*element, false);
      indent_ -= 4;
    } else {
      Line(name + ": " + Value(key));
    }
    commented_ = was_commented;
  }

  static std::string Value(const SchemaKey& key) {
    if (!key.example.empty()) return std::string(key.example);
    return key.fallback.empty() ? "\"\"" : key.fallback;
  }

  void Nested(const std::string& line, const Schema& map) {
    Line(line);
    indent_ += 2;
    Map(map, false);
    indent_ -= 2;
  }

  void NamedMap(const SchemaKey& key) {
    Line(std::string(key.name) + ":");
    indent_ += 2;
    Nested(std::string(key.example) + ":", key.schema.children.front());
    indent_ -= 2;
  }

  std::string text_;
  size_t indent_ = 0;
  bool commented_ = false;
  bool dash_ = false;
};

}  // namespace

std::string ReferenceYaml(const Schema& document) {
  ReferenceWriter writer;
  writer.Map(document, true);
  return "# Every key of a Flyover document, with its default or an example, what is accepted and "
         "what "
         "it\n# means. Made by tools/config_doc; docs/configuration.md says the same in tables.\n"
         "# yaml-language-server: $schema=flyover.schema.json\n" +
         writer.Take();
}

}  // namespace flyover
