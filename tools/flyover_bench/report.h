// What a run prints: a table for people, or JSON with every sample.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/flyover_bench/series.h"

namespace flyover {

// One table: the series of one level.
struct LevelReport {
  std::string level;  // "path: ...", in words
  std::string unit;   // "packet" or "lookup"
  SeriesReport measured;
};

struct Context {
  uint64_t seed = 1;
  bool hugepages = false;
  unsigned cpu = 0;
  std::string devices;  // of the device level, "" elsewhere
};

std::string ToText(const std::vector<LevelReport>& levels, const Context& context);
nlohmann::json ToJson(const std::vector<LevelReport>& levels, const Context& context);

}  // namespace flyover
