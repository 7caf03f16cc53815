#include "common/config/yaml_writer.h"

#include <algorithm>

namespace flyover {
namespace {

bool IsPlain(std::string_view value) {
  // No ':' so that nobody needs to know when it is safe, and no word that means null or a boolean.
  const auto safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '/' || c == '.' || c == '-';
  };
  static constexpr std::string_view kWords[] = {"null", "true", "false", "yes", "no",
                                                "on",   "off",  "y",     "n"};
  std::string small(value);
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return !value.empty() && value.front() != '-' && value.front() != '.' &&
         std::all_of(value.begin(), value.end(), safe) &&
         std::find(std::begin(kWords), std::end(kWords), small) == std::end(kWords);
}

}  // namespace

std::string YamlText(std::string_view value) {
  if (IsPlain(value)) return std::string(value);
  constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

void YamlWriter::Line(std::string_view line) {
  const size_t indent = 2 * depth_;
  if (dash_) {
    text_.append(indent - 2, ' ').append("- ");
    dash_ = false;
  } else {
    text_.append(indent, ' ');
  }
  text_.append(line).append("\n");
}

void YamlWriter::Begin(std::string_view key) {
  Line(std::string(key) + ":");
  ++depth_;
}

void YamlWriter::BeginElement() {
  ++depth_;
  dash_ = true;
}

void YamlWriter::Put(std::string_view key, std::string_view value) {
  Line(std::string(key) + ": " + std::string(value));
}

void YamlWriter::Text(std::string_view key, std::string_view value) { Put(key, YamlText(value)); }

void YamlWriter::Texts(std::string_view key, const std::vector<std::string>& values) {
  std::string list = "[";
  for (const std::string& value : values) list += (list.size() > 1 ? ", " : "") + YamlText(value);
  Put(key, list + "]");
}

}  // namespace flyover
