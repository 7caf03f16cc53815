#include "lb/service/vip_index.h"

#include <algorithm>

namespace flyover::lb {
namespace {

constexpr size_t kSmallest = 16;

// The place of `length` in levels that are sorted by it, longest first; made where there is none.
template <typename Level>
Level& LevelOf(std::vector<Level>& levels, unsigned length) {
  const auto at = std::find_if(levels.begin(), levels.end(),
                               [&](const Level& level) { return level.length <= length; });
  if (at != levels.end() && at->length == length) return *at;
  Level level;
  level.length = length;
  level.slots.resize(kSmallest);
  level.slot_mask = kSmallest - 1;
  return *levels.insert(at, std::move(level));
}

// `vip`, or the first around it that is no longer than `length`: the address that begins a prefix
// may lie in longer VIPs, too.
VipIndex::VipId UpTo(unsigned length, VipIndex::VipId vip, const std::vector<IpPrefix>& vips,
                     const std::vector<VipIndex::VipId>& around) {
  while (vip != VipIndex::kNotVip && vips[vip - 1].length() > length) vip = around[vip];
  return vip;
}

// The list of `key`, or where it would stand.
template <typename Lists>
auto PlaceOf(Lists& lists, uint64_t key) {
  return std::lower_bound(lists.begin(), lists.end(), key,
                          [](const auto& list, uint64_t k) { return list.key < k; });
}

}  // namespace

VipIndex::VipIndex() : ports_(kSmallest), ports_mask_(kSmallest - 1), around_(1, kNotVip) {}

Status VipIndex::Add(const IpPrefix& prefix, uint8_t protocol, const PortRange& ports,
                     ServiceId service) {
  const auto refuse = [&] {
    return Status(StatusCode::kAlreadyExists, prefix.ToHostOrPrefix() + " port " +
                                                  ports.ToString() +
                                                  " belongs to another service already");
  };
  VipId vip = FindVip(prefix);
  if (ports.IsOne()) {
    if (vip != kNotVip && FindPort(PortKey(vip, protocol, ports.first)) != kNoService) {
      return refuse();
    }
    if (vip == kNotVip) vip = AddVip(prefix);
    AddPort({PortKey(vip, protocol, ports.first), service});
    return Status::Ok();
  }
  if (vip == kNotVip) vip = AddVip(prefix);
  const uint64_t key = PortKey(vip, protocol, 0);
  auto list = PlaceOf(ranges_, key);
  if (list == ranges_.end() || list->key != key) list = ranges_.insert(list, {key, {}});
  for (const auto& [other, owner] : list->ranges) {
    if (other.IsAny() == ports.IsAny() && other.Overlaps(ports)) return refuse();
  }
  list->ranges.insert(ports.IsAny() ? list->ranges.end() : list->ranges.begin(), {ports, service});
  return Status::Ok();
}

ServiceId VipIndex::FindRange(VipId vip, uint8_t protocol, uint16_t port) const {
  const uint64_t key = PortKey(vip, protocol, 0);
  const auto list = PlaceOf(ranges_, key);
  if (list == ranges_.end() || list->key != key) return kNoService;
  for (const auto& [ports, service] : list->ranges) {
    if (ports.Contains(port)) return service;
  }
  return kNoService;
}

VipIndex::VipId VipIndex::FindVip(const IpPrefix& prefix) const {
  const VipId vip = UpTo(prefix.length(), Find(prefix.address()), vips_, around_);
  return vip != kNotVip && vips_[vip - 1] == prefix ? vip : kNotVip;
}

VipIndex::VipId VipIndex::AddVip(const IpPrefix& prefix) {
  const VipId around = UpTo(prefix.length(), Find(prefix.address()), vips_, around_);
  vips_.push_back(prefix);
  around_.push_back(around);
  const auto vip = static_cast<VipId>(vips_.size());
  if (!prefix.IsHost()) {
    for (VipId other = 1; other < vip; ++other) {
      // The new one comes between those that it holds and what was around them.
      if (around_[other] == around && prefix.Contains(vips_[other - 1])) around_[other] = vip;
    }
  }
  InsertAddress(vip);
  return vip;
}

void VipIndex::InsertAddress(VipId vip) {
  vips_[vip - 1].family() == IpFamily::kIpv4 ? InsertIpv4(vip) : InsertIpv6(vip);
}

void VipIndex::InsertIpv4(VipId vip) {
  const IpPrefix& prefix = vips_[vip - 1];
  Ipv4Level& level = LevelOf(ipv4_, prefix.length());
  level.mask = prefix.length() == 0 ? 0 : ~uint32_t{0} << (32 - prefix.length());
  const auto put = [&level](uint64_t entry) {
    uint32_t i = HashIpv4(static_cast<uint32_t>(entry >> 32));
    while (level.slots[i & level.slot_mask] != 0) ++i;
    level.slots[i & level.slot_mask] = entry;
  };
  if (4 * ++level.used > level.slots.size()) {
    const std::vector<uint64_t> old =
        std::exchange(level.slots, std::vector<uint64_t>(2 * level.slots.size()));
    level.slot_mask = static_cast<uint32_t>(level.slots.size() - 1);
    for (const uint64_t entry : old) {
      if (entry != 0) put(entry);
    }
  }
  put(static_cast<uint64_t>(prefix.address().v4().value) << 32 | vip);
}

void VipIndex::InsertIpv6(VipId vip) {
  const IpPrefix& prefix = vips_[vip - 1];
  Ipv6Level& level = LevelOf(ipv6_, prefix.length());
  const Ipv6Address ones{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                          0xff, 0xff, 0xff, 0xff}};
  const IpAddress mask = MaskAddress(ones, prefix.length());
  level.high_mask = LoadUnaligned<uint64_t>(mask.data());
  level.low_mask = LoadUnaligned<uint64_t>(mask.data() + 8);
  const auto put = [&level](const Ipv6Entry& entry) {
    uint32_t i = HashIpv6(entry.high, entry.low);
    while (level.slots[i & level.slot_mask].vip != kNotVip) ++i;
    level.slots[i & level.slot_mask] = entry;
  };
  if (4 * ++level.used > level.slots.size()) {
    const std::vector<Ipv6Entry> old =
        std::exchange(level.slots, std::vector<Ipv6Entry>(2 * level.slots.size()));
    level.slot_mask = static_cast<uint32_t>(level.slots.size() - 1);
    for (const Ipv6Entry& entry : old) {
      if (entry.vip != kNotVip) put(entry);
    }
  }
  const uint8_t* const address = prefix.address().data();
  put({LoadUnaligned<uint64_t>(address), LoadUnaligned<uint64_t>(address + 8), vip});
}

void VipIndex::AddPort(const PortEntry& entry) {
  services_.push_back(entry);
  if (4 * services_.size() <= ports_.size()) return InsertPort(entry);
  ports_.assign(2 * ports_.size(), {});
  ports_mask_ = static_cast<uint32_t>(ports_.size() - 1);
  for (const PortEntry& each : services_) InsertPort(each);
}

void VipIndex::InsertPort(const PortEntry& entry) {
  uint32_t i = HashPort(entry.key);
  while (ports_[i & ports_mask_].key != 0) ++i;
  ports_[i & ports_mask_] = entry;
}

}  // namespace flyover::lb
