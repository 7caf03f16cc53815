#include "lb/control/vip_announcer.h"

namespace flyover::lb {

void VipAnnouncer::Step(Entry& entry, bool healthy, Clock::time_point now) const {
  const auto become = [&](VipState state) {
    if (entry.state == state) return;
    entry.state = state;
    entry.since = now;
  };
  if (drained_) return become(VipState::kDrained);
  switch (entry.state) {
    case VipState::kDrained:
    case VipState::kWithdrawn:
      if (healthy)
        become(VipState::kWaitingUp);
      else
        become(VipState::kWithdrawn);
      break;
    case VipState::kWaitingUp:
      if (!healthy) become(VipState::kWithdrawn);
      break;
    case VipState::kAnnounced:
      if (!healthy) become(VipState::kWaitingDown);
      break;
    case VipState::kWaitingDown:
      if (healthy) become(VipState::kAnnounced);
      break;
  }
  // A hold of 0 ends in the moment that it begins.
  if (entry.state == VipState::kWaitingUp && now - entry.since >= holds_.up) {
    become(VipState::kAnnounced);
  } else if (entry.state == VipState::kWaitingDown && now - entry.since >= holds_.down) {
    become(VipState::kWithdrawn);
  }
}

void VipAnnouncer::Update(const std::map<IpPrefix, bool>& healthy, Clock::time_point now) {
  std::erase_if(vips_, [&](const auto& entry) { return !healthy.contains(entry.first); });
  for (const auto& [vip, up] : healthy) {
    const auto [entry, fresh] = vips_.try_emplace(vip);
    if (fresh) entry->second.since = now;
    Step(entry->second, up, now);
  }
}

std::set<IpPrefix> VipAnnouncer::Announced() const {
  std::set<IpPrefix> announced;
  for (const auto& [vip, entry] : vips_) {
    if (entry.state == VipState::kAnnounced || entry.state == VipState::kWaitingDown) {
      announced.insert(vip);
    }
  }
  return announced;
}

std::vector<VipInfo> VipAnnouncer::Show() const {
  std::vector<VipInfo> list;
  list.reserve(vips_.size());
  for (const auto& [vip, entry] : vips_) list.push_back({vip, entry.state, entry.since});
  return list;
}

}  // namespace flyover::lb
