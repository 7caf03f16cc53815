#include "router/control/neighbor_mirror.h"

#include <linux/neighbour.h>

namespace flyover::router {
namespace {

// NUD_INCOMPLETE and NUD_NONE: nothing is known yet.
constexpr uint16_t kUsable =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

}  // namespace

bool NeighborMirror::Apply(PortIndex port, const netlink::NeighborMessage& m,
                           Clock::time_point now) {
  return Update({port, m.address}, m, now, false);
}

void NeighborMirror::ApplyDumped(PortIndex port, const netlink::NeighborMessage& m,
                                 Clock::time_point now) {
  Update({port, m.address}, m, now, true);
}

bool NeighborMirror::Update(const Key& key, const netlink::NeighborMessage& m,
                            Clock::time_point now, bool dumped) {
  // Proxy entries are addresses that the kernel answers for; multicast needs no resolution.
  if ((m.flags & NTF_PROXY) != 0 || m.address.IsMulticast()) return false;
  const auto found = entries_.find(key);
  if (!m.removed && (m.state & kUsable) != 0 && m.mac && !m.mac->IsMulticast()) {
    Entry& entry = entries_[key];
    entry.generation = generation_;
    entry.stale = (m.state & NUD_STALE) != 0;
    if (entry.state == State::kResolved && entry.mac == *m.mac) return true;
    entry.state = State::kResolved;
    entry.mac = *m.mac;
    sink_.SetNeighbor(key.first, key.second, entry.mac);
    return true;
  }
  if (!m.removed && (m.state & NUD_FAILED) != 0) {
    // A dump repeats old failures.
    const bool known = found != entries_.end() && found->second.state != State::kResolved;
    Entry& entry = entries_[key];
    entry.generation = generation_;
    if (dumped && known) return true;
    if (entry.state != State::kFailed) sink_.SetNeighborFailed(key.first, key.second);
    entry.state = State::kFailed;
    entry.failed_at = now;
    failures_.emplace_back(now, key);
    return true;
  }
  if (found != entries_.end()) {
    Forget(key, found->second);
    entries_.erase(found);
  }
  return m.removed;
}

void NeighborMirror::Forget(const Key& key, Entry& entry) {
  if (entry.state != State::kForgotten) sink_.RemoveNeighbor(key.first, key.second);
  entry.state = State::kForgotten;
}

void NeighborMirror::FinishDump(bool complete) {
  if (!complete) return;
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (it->second.generation == generation_) {
      ++it;
      continue;
    }
    Forget(it->first, it->second);
    it = entries_.erase(it);
  }
}

std::vector<NeighborMirror::Key> NeighborMirror::Stale() const {
  std::vector<Key> stale;
  for (const auto& [key, entry] : entries_) {
    if (entry.state == State::kResolved && entry.stale) stale.push_back(key);
  }
  return stale;
}

void NeighborMirror::RemovePort(PortIndex port) {
  for (auto it = entries_.lower_bound({port, IpAddress(Ipv4Address{0})});
       it != entries_.end() && it->first.first == port;) {
    Forget(it->first, it->second);
    it = entries_.erase(it);
  }
}

void NeighborMirror::Tick(Clock::time_point now) {
  while (!failures_.empty() && now - failures_.front().first >= kFailedHold) {
    const auto [failed_at, key] = failures_.front();
    failures_.pop_front();
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.state != State::kFailed) continue;
    if (found->second.failed_at == failed_at) Forget(key, found->second);
  }
}

}  // namespace flyover::router
