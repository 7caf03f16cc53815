// The only includer of std::regex, which costs seconds to compile.
//
// GCC 12 takes its std::function for uninitialized when sanitizers are on (GCC bug 105562).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include <regex>
#include <string_view>
#include <unordered_map>

#include "common/config/scalar.h"

namespace flyover {

bool Matches(const TextFormat& format, std::string_view text) {
  if (text.empty()) return format.may_be_empty;
  if (text.size() > format.max_length) return false;  // also bounds std::regex's recursion
  thread_local std::unordered_map<std::string_view, std::regex> compiled;
  auto entry = compiled.find(format.pattern);
  if (entry == compiled.end()) {
    const std::regex pattern(format.pattern.begin(), format.pattern.end());
    entry = compiled.emplace(format.pattern, pattern).first;
  }
  return std::regex_match(text.begin(), text.end(), entry->second);
}

}  // namespace flyover
