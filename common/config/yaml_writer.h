// Writes YAML in block style, the canonical form of documents. Pure; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace flyover {

class YamlWriter {
 public:
  // A map beneath `key`, until End().
  void Begin(std::string_view key);
  void End() { depth_--; }
  // An element of a list of maps; Begin() the list, then BeginElement() ... End() each.
  void BeginElement();

  // `value` as it is: numbers, words, durations.
  void Put(std::string_view key, std::string_view value);
  void Put(std::string_view key, uint64_t value) { Put(key, std::to_string(value)); }
  void Put(std::string_view key, const char* value) { Put(key, std::string_view(value)); }
  void Flag(std::string_view key, bool value) { Put(key, value ? "true" : "false"); }
  // Text, in quotes where YAML needs them.
  void Text(std::string_view key, std::string_view value);
  // Texts as [a, b].
  void Texts(std::string_view key, const std::vector<std::string>& values);

  const std::string& text() const { return text_; }

 private:
  void Line(std::string_view line);

  std::string text_;
  size_t depth_ = 0;
  bool dash_ = false;  // the next line begins a list element
};

// `value` as a YAML scalar that reads back as this text.
std::string YamlText(std::string_view value);

}  // namespace flyover
