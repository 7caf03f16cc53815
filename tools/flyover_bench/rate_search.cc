#include "tools/flyover_bench/rate_search.h"

#include <algorithm>

namespace flyover {

RateSearch::Verdict RateSearch::Judge(const std::vector<double>& losses, const SearchGoal& goal) {
  const auto bad = static_cast<double>(
      std::ranges::count_if(losses, [&](double loss) { return loss > goal.loss_ratio; }));
  const double allowed = goal.exceed_ratio * goal.trials;
  if (bad > allowed) return Verdict::kExceeds;
  // Were all that are left bad, it would still hold.
  const double left = goal.trials - static_cast<double>(losses.size());
  return bad + left <= allowed ? Verdict::kMeets : Verdict::kOpen;
}

Result<RateSearch::Verdict> RateSearch::Decide(double rate, const SearchGoal& goal) {
  std::vector<double>& losses = losses_[rate];
  for (;;) {
    const Verdict verdict = Judge(losses, goal);
    if (verdict != Verdict::kOpen) return verdict;
    const auto result = trial_(rate);
    if (!result.ok()) return result.status();
    ++trials_;
    losses.push_back(result->loss_ratio());
  }
}

Result<LoadBounds> RateSearch::Find(const SearchGoal& goal) {
  LoadBounds bounds;
  // What other goals have found out already.
  for (const auto& [rate, losses] : losses_) {
    const Verdict verdict = Judge(losses, goal);
    if (verdict == Verdict::kExceeds) {
      bounds.upper = rate;
      break;
    }
    if (verdict == Verdict::kMeets) bounds.lower = rate;
  }
  const auto decide = [&](double rate) -> Status {
    const auto verdict = Decide(rate, goal);
    if (!verdict.ok()) return verdict.status();
    (*verdict == Verdict::kMeets ? bounds.lower : bounds.upper) = rate;
    return Status::Ok();
  };
  for (const double end : {most_, least_}) {
    const bool known = end == most_ ? bounds.upper != 0 || bounds.lower == most_
                                    : bounds.lower != 0 || bounds.upper == least_;
    if (known) continue;
    if (Status status = decide(end); !status.ok()) return status;
  }
  while (bounds.lower != 0 && bounds.upper != 0 &&
         (bounds.upper - bounds.lower) / bounds.upper > goal.width) {
    if (Status status = decide((bounds.lower + bounds.upper) / 2); !status.ok()) return status;
  }
  if (bounds.lower != 0) {
    std::vector<double> losses = losses_[bounds.lower];
    std::ranges::sort(losses);
    const auto good = static_cast<size_t>(
        std::ranges::count_if(losses, [&](double loss) { return loss <= goal.loss_ratio; }));
    bounds.forwarded = bounds.lower * (1 - losses[good - 1]);
  }
  return bounds;
}

Result<uint64_t> FindLongestBurst(const std::function<Result<uint64_t>(uint64_t)>& burst,
                                  uint64_t most, unsigned repeats) {
  const auto loses = [&](uint64_t length) -> Result<bool> {
    unsigned bad = 0;
    for (unsigned r = 0; r < repeats; ++r) {
      const auto lost = burst(length);
      if (!lost.ok()) return lost.status();
      bad += *lost > 0 ? 1 : 0;
    }
    return bad > repeats / 2;
  };
  uint64_t good = 0, bad = 0;
  for (uint64_t length = 64; length < most; length *= 2) {
    const auto lost = loses(length);
    if (!lost.ok()) return lost.status();
    if (*lost) {
      bad = length;
      break;
    }
    good = length;
  }
  if (bad == 0) {
    const auto lost = loses(most);
    if (!lost.ok()) return lost.status();
    if (!*lost) return most;
    bad = most;
  }
  while (bad - good > std::max<uint64_t>(bad / 64, 1)) {
    const uint64_t middle = good + (bad - good) / 2;
    const auto lost = loses(middle);
    if (!lost.ok()) return lost.status();
    (*lost ? bad : good) = middle;
  }
  return good;
}

}  // namespace flyover
