#include "common/log/limiter.h"

namespace flyover {

void LogLimiter::ForgetOld(Time now) {
  // Not for every line of a storm: the walk costs more than a line.
  if (now - forgotten_ < std::chrono::seconds(1)) return;
  forgotten_ = now;
  std::erase_if(entries_, [now](const auto& item) {
    return item.second.suppressed == 0 && now - item.second.written >= kPeriod;
  });
}

LogLimiter::Verdict LogLimiter::Admit(LogArea area, LogLevel level, std::string_view key,
                                      Time now) {
  std::string name(LogAreaName(area));
  name.append("/").append(key);
  auto it = entries_.find(name);
  if (it == entries_.end() && entries_.size() >= kMaxKeys) {
    ForgetOld(now);
    if (entries_.size() >= kMaxKeys) {
      name = "";
      key = "(many different)";
      it = entries_.find(name);
    }
  }
  if (it == entries_.end()) {
    entries_.emplace(std::move(name), Entry{now, area, level, std::string(key), 0});
    return {.write = true};
  }
  Entry& entry = it->second;
  if (now - entry.written < kPeriod) {
    ++entry.suppressed;
    return {};
  }
  const Verdict verdict{.write = true, .suppressed = entry.suppressed};
  entry.written = now;
  entry.suppressed = 0;
  return verdict;
}

std::vector<LogLimiter::Suppressed> LogLimiter::Collect(Time now, bool all) {
  std::vector<Suppressed> result;
  for (auto& [name, entry] : entries_) {
    if (entry.suppressed == 0 || (!all && now - entry.written < kPeriod)) continue;
    result.push_back({entry.area, entry.level, entry.key, entry.suppressed});
    entry.suppressed = 0;
    entry.written = now;
  }
  ForgetOld(now);
  return result;
}

}  // namespace flyover
