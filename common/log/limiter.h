// Which lines of a repeating kind may be written: one per key and period, the others counted. Time
// is passed in.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/log/log.h"

namespace flyover {

class LogLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kPeriod{10};
  // A storm of different keys is limited too: those beyond this number share one key.
  static constexpr size_t kMaxKeys = 1024;

  struct Verdict {
    bool write = false;
    uint64_t suppressed = 0;  // lines of this key kept back before this one
  };
  Verdict Admit(LogArea area, LogLevel level, std::string_view key, Time now);

  struct Suppressed {
    LogArea area;
    LogLevel level;
    std::string key;
    uint64_t count;
  };
  // Keys with lines kept back whose period is over (`all`: every one), forgetting the counts.
  std::vector<Suppressed> Collect(Time now, bool all);

  size_t key_count() const { return entries_.size(); }

 private:
  struct Entry {
    Time written;
    LogArea area;
    LogLevel level;
    std::string key;
    uint64_t suppressed = 0;
  };
  void ForgetOld(Time now);
  Time forgotten_{};
  std::map<std::string, Entry, std::less<>> entries_;  // by area and key
};

}  // namespace flyover
