// Where in the document a value stands, for errors that are only found later (a device that is not
// there, an address that is taken).
#pragma once

#include <string>

namespace flyover {

struct DocumentMark {
  std::string file;
  int line = 0;    // 1-based; 0: the value is a default and stands nowhere
  int column = 0;  // 1-based, in bytes

  // "FILE:LINE:COLUMN", or "FILE" for a default.
  std::string ToString() const {
    return line == 0 ? file : file + ":" + std::to_string(line) + ":" + std::to_string(column);
  }
  // Where a value stands is no part of what it is: documents that say the same are equal.
  friend bool operator==(const DocumentMark&, const DocumentMark&) { return true; }
};

}  // namespace flyover
