// The highest load that a device under test bears: bisection over trials, as RFC 2544 26.1 has it
// (one trial decides) and as MLRsearch (draft-ietf-bmwg-mlrsearch) has it: several loss ratios in
// one search, and a load is judged by the share of its trials that exceed the ratio, so that one
// bad moment of the machine does not decide.
//
// Pure: knows trials by a function only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "common/base/status.h"

namespace flyover {

struct TrialResult {
  uint64_t sent = 0;
  uint64_t lost = 0;
  double loss_ratio() const {
    return sent == 0 ? 0 : static_cast<double>(lost) / static_cast<double>(sent);
  }
};
// One trial at so many packets a second.
using Trial = std::function<Result<TrialResult>(double rate)>;

struct SearchGoal {
  double loss_ratio = 0;    // at most, in a good trial
  double exceed_ratio = 0;  // of bad trials, at most
  unsigned trials = 1;      // of a load
  double width = 0.005;     // relative, between the bounds at the end
};

struct LoadBounds {
  double lower = 0;  // highest load that meets the goal; 0: not even the least
  double upper = 0;  // lowest load that does not; 0: the highest meets it
  // Forwarded at the lower bound in its worst trial of those that count (MLRsearch's conditional
  // throughput), packets a second.
  double forwarded = 0;
};

// Searches for all goals (the one with the highest loss ratio first) between two rates; trials of
// one serve the others.
class RateSearch {
 public:
  RateSearch(Trial trial, double least, double most)
      : trial_(std::move(trial)), least_(least), most_(most) {}

  Result<LoadBounds> Find(const SearchGoal& goal);
  unsigned trials() const { return trials_; }

 private:
  enum class Verdict : uint8_t { kOpen, kMeets, kExceeds };
  static Verdict Judge(const std::vector<double>& losses, const SearchGoal& goal);
  // Trials at `rate` until it is judged.
  Result<Verdict> Decide(double rate, const SearchGoal& goal);

  const Trial trial_;
  const double least_, most_;
  std::map<double, std::vector<double>> losses_;  // by rate: loss ratios of its trials
  unsigned trials_ = 0;
};

// The most packets in a row, at whatever rate `burst` sends them, of which none is lost (RFC 2544
// 26.4): up to `most`, to one part in 64. `burst` answers with how many were lost. Each length is
// asked `repeats` times and the median counts.
Result<uint64_t> FindLongestBurst(const std::function<Result<uint64_t>(uint64_t)>& burst,
                                  uint64_t most, unsigned repeats);

}  // namespace flyover
