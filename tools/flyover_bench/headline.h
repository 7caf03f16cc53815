// The figures that Flyover promises, out of one interleaved run: what was measured, the bound, and
// whether it holds. A figure whose series is not there is named as not measured.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/flyover_bench/report.h"

namespace flyover {

struct HeadlineFigure {
  std::string what;
  std::string unit;
  bool at_most = true;  // else at least
  double bound = 0;
  bool measured = false;
  double median = 0;  // of each round's figure: numerator and denominator of one round
  Interval interval;  // 95 %, bootstrap
  // The median's: an interval across the bound says that the run cannot tell.
  bool met() const { return measured && (at_most ? median <= bound : median >= bound); }
};

// `levels` as Bench makes them: words before the first colon are the level.
std::vector<HeadlineFigure> HeadlineOf(const std::vector<LevelReport>& levels, uint64_t seed,
                                       double tsc_hz);
std::string HeadlineText(const std::vector<HeadlineFigure>& figures);
nlohmann::json HeadlineJson(const std::vector<HeadlineFigure>& figures);

}  // namespace flyover
