#include "common/config/yaml_text.h"

#include <algorithm>
#include <string>

#include "common/config/yaml_tree.h"

namespace flyover {
namespace {

// Length of the valid UTF-8 sequence that `text` begins with; 0 when it is not valid.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return length;
}

ConfigPosition PositionOf(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1;
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return {line, static_cast<int>(offset - line_start) + 1};
}

}  // namespace

bool CheckYamlText(std::string_view text, ConfigReport& report) {
  if (text.size() > kMaxDocumentBytes) {
    report.Error({1, 1}, "", "is larger than accepted; accepted: at most 4 MiB of YAML");
    return false;
  }
  if (text.empty()) {
    report.Error({1, 1}, "", "is empty (0 bytes); accepted: a YAML document with at least 'ports'");
    return false;
  }
  bool in_indentation = true;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0) {
      report.Error(PositionOf(text, i), "", "contains a NUL byte; accepted: text in UTF-8");
      return false;
    }
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) {
      report.Error(
          PositionOf(text, i), "",
          "contains the control byte " + Quoted(text.substr(i, 1)) + "; accepted: text in UTF-8");
      return false;
    }
    // YAML 1.2 6.1; yaml-cpp's own words for it do not mention the tab.
    if (byte == '\t' && in_indentation) {
      report.Error(PositionOf(text, i), "", "contains a tab in its indentation; accepted: spaces");
      return false;
    }
    in_indentation = byte == '\n' || (in_indentation && byte == ' ');
    const size_t length = SequenceLength(text.substr(i));
    if (length == 0) {
      report.Error(
          PositionOf(text, i), "",
          "byte " + Quoted(text.substr(i, 1)) + " is not valid UTF-8; accepted: text in UTF-8");
      return false;
    }
    i += length;
  }
  return true;
}

}  // namespace flyover
