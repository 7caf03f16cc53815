// Aligned columns of text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace flyover {

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Missing cells are empty, surplus ones are left out.
  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }

  // Title line and rows, two spaces between columns, no space at a line's end. Control characters
  // and broken UTF-8 in cells are shown as '?', so that what a server answered cannot drive the
  // terminal.
  std::string Render() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Text without control characters, as in cells.
std::string Printable(std::string_view text);

}  // namespace flyover
