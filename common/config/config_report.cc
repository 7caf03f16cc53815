#include "common/config/config_report.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace flyover {
namespace {

std::vector<ConfigError> Sorted(std::vector<ConfigError> errors) {
  std::stable_sort(errors.begin(), errors.end(), [](const ConfigError& a, const ConfigError& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  errors.erase(std::unique(errors.begin(), errors.end()), errors.end());
  return errors;
}

// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

ConfigError ConfigReport::Make(ConfigPosition at, const std::string& path,
                               std::string message) const {
  return {file_, at.line, at.column, path.empty() ? "document" : path, std::move(message)};
}

void ConfigReport::Error(ConfigPosition at, const std::string& path, std::string message) {
  if (++error_count_ <= kMaxReportedErrors) errors_.push_back(Make(at, path, std::move(message)));
}

void ConfigReport::Warning(ConfigPosition at, const std::string& path, std::string message) {
  if (warnings_.size() < kMaxReportedErrors) {
    warnings_.push_back(Make(at, path, std::move(message)));
  }
}

std::vector<ConfigError> ConfigReport::Errors() const {
  std::vector<ConfigError> errors = Sorted(errors_);
  if (error_count_ > errors_.size()) {
    errors.push_back(Make({}, "",
                          std::to_string(error_count_ - errors_.size()) +
                              " more errors are not shown; mend these first"));
  }
  return errors;
}

std::vector<ConfigError> ConfigReport::Warnings() const { return Sorted(warnings_); }

std::string Quoted(std::string_view text) {
  constexpr size_t kShown = 60;
  constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "'";
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == kShown && text.size() > kShown + 3) {
      quoted += "...";
      break;
    }
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte >= 0x7f) {
      quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      quoted += text[i];
    }
  }
  return quoted + "'";
}

std::string_view ClosestWord(std::string_view text, const std::vector<std::string_view>& words) {
  constexpr size_t kLongest = 40;  // nobody misspells what is longer, and the cost is quadratic
  if (text.size() > kLongest) return {};
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, text.size() / 3) + 1;
  for (const std::string_view word : words) {
    if (word.size() > kLongest) continue;
    const size_t distance = EditDistance(text, word);
    if (distance < best_distance && distance < word.size()) {
      best = word;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace flyover
