// Collects every mistake of a document, so that an operator mends a file in one pass.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config_error.h"
#include "common/config/document_mark.h"

namespace flyover {

struct ConfigPosition {
  int line = 0;    // 1-based; 0: unknown
  int column = 0;  // 1-based, in bytes
  auto operator<=>(const ConfigPosition&) const = default;
};

// A document with more mistakes than this is not a typing error: the rest is only counted.
inline constexpr size_t kMaxReportedErrors = 100;

class ConfigReport {
 public:
  explicit ConfigReport(std::string file) : file_(std::move(file)) {}

  // An empty `path` stands for the whole document.
  void Error(ConfigPosition at, const std::string& path, std::string message);
  void Warning(ConfigPosition at, const std::string& path, std::string message);

  bool ok() const { return error_count_ == 0; }
  const std::string& file() const { return file_; }
  DocumentMark Mark(ConfigPosition at) const { return {file_, at.line, at.column}; }

  // In the order of the document, without repetitions. When some were left out the last one says
  // so.
  std::vector<ConfigError> Errors() const;
  std::vector<ConfigError> Warnings() const;

 private:
  ConfigError Make(ConfigPosition at, const std::string& path, std::string message) const;

  std::string file_;
  size_t error_count_ = 0;
  std::vector<ConfigError> errors_;
  std::vector<ConfigError> warnings_;
};

// `text` in single quotes, fit for one line of a terminal: control bytes as \xNN, the middle of
// something long left out.
std::string Quoted(std::string_view text);

// The candidate that `text` was probably meant to be (one or two letters missed, swapped or added),
// or an empty view.
std::string_view ClosestWord(std::string_view text, const std::vector<std::string_view>& words);

}  // namespace flyover
