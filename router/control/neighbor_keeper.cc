#include "router/control/neighbor_keeper.h"

namespace flyover::router {

std::vector<NeighborKeeper::Key> NeighborKeeper::Round(
    const std::vector<Key>& stale, const std::function<uint64_t(const Key&)>& packets) {
  std::vector<Key> used;
  std::map<Key, uint64_t> now;
  for (const Key& key : stale) {
    const uint64_t count = packets(key);
    const auto before = sent_.find(key);
    // Not known: it has just become stale, and what was sent before is no reason.
    if (before != sent_.end() && before->second != count) used.push_back(key);
    now.emplace(key, count);
  }
  sent_ = std::move(now);
  reported_ += used.size();
  return used;
}

}  // namespace flyover::router
