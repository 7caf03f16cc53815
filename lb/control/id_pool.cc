#include "lb/control/id_pool.h"

#include <algorithm>
#include <cassert>

namespace flyover::lb {

IdPool::Acquired IdPool::Acquire(const std::string& key) {
  if (const auto known = ids_.find(key); known != ids_.end()) {
    std::erase_if(retired_, [&](const Retired& r) { return r.key == key; });
    return {known->second, false};
  }
  assert(available() > 0);
  uint16_t id;
  if (free_.empty()) {
    id = static_cast<uint16_t>(next_++);
  } else {
    id = *free_.begin();
    free_.erase(free_.begin());
  }
  ids_.emplace(key, id);
  return {id, true};
}

void IdPool::Retire(const std::string& key, Clock::time_point now) {
  retired_.push_back({.key = key, .since = now, .judged_by = {}, .sweeps = {}, .marked = false});
}

void IdPool::Collect(Clock::time_point now, Clock::duration hold,
                     std::span<const uint64_t> sweeps) {
  std::vector<std::string> done;
  for (Retired& r : retired_) {
    if (now - r.since < hold) continue;
    if (!r.marked || r.judged_by != hold) {
      r.marked = true;
      r.judged_by = hold;
      r.sweeps.assign(sweeps.begin(), sweeps.end());
      if (!sweeps.empty()) continue;
    }
    // A sweep may have been half way round at the mark: only the second one from there met all.
    bool met_all = true;
    for (size_t i = 0; i < sweeps.size(); ++i) met_all &= sweeps[i] >= r.sweeps[i] + 2;
    if (met_all) done.push_back(r.key);
  }
  for (const std::string& key : done) Free(key);
}

void IdPool::Free(const std::string& key) {
  const auto known = ids_.find(key);
  if (known == ids_.end()) return;
  free_.insert(known->second);
  ids_.erase(known);
  std::erase_if(retired_, [&](const Retired& r) { return r.key == key; });
}

}  // namespace flyover::lb
