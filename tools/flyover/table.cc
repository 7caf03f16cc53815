#include "tools/flyover/table.h"

#include <algorithm>
#include <cstdint>

#include "common/log/utf8.h"

namespace flyover {
namespace {

// Code points; wide ones are not expected in names and numbers.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    const auto first = static_cast<uint8_t>(text[0]);
    const bool control = length == 0 || first < 0x20 || first == 0x7f ||
                         (first == 0xc2 && static_cast<uint8_t>(text[1]) < 0xa0);
    if (control) {
      result += '?';
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return result;
}

std::string Table::Render() const {
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns_) lines[0].push_back(column.title);
  for (const auto& row : rows_) {
    std::vector<std::string> line(columns_.size());
    for (size_t i = 0; i < std::min(row.size(), line.size()); ++i) line[i] = Printable(row[i]);
    lines.push_back(std::move(line));
  }
  std::vector<size_t> widths(columns_.size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], Width(line[i]));
  }
  std::string text;
  for (const auto& line : lines) {
    std::string out;
    for (size_t i = 0; i < line.size(); ++i) {
      if (i > 0) out += "  ";
      const std::string padding(widths[i] - Width(line[i]), ' ');
      out += columns_[i].align == Align::kRight ? padding + line[i] : line[i] + padding;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    text += out + "\n";
  }
  return text;
}

}  // namespace flyover
