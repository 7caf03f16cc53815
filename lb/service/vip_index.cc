#include "lb/service/vip_index.h"

namespace flyover::lb {
namespace {

constexpr size_t kSmallest = 16;

}  // namespace

VipIndex::VipIndex()
    : ipv4_(kSmallest),
      ipv6_(kSmallest),
      ports_(kSmallest),
      ipv4_mask_(kSmallest - 1),
      ipv6_mask_(kSmallest - 1),
      ports_mask_(kSmallest - 1) {}

Status VipIndex::Add(const IpAddress& address, uint8_t protocol, uint16_t port, ServiceId service) {
  VipId vip = Find(address);
  if (vip != kNotVip && FindService(vip, protocol, port) != kNoService) {
    return Status(StatusCode::kAlreadyExists, address.ToString() + " port " + std::to_string(port) +
                                                  " belongs to another service already");
  }
  if (vip == kNotVip) {
    addresses_.push_back(address);
    vip = static_cast<VipId>(addresses_.size());
    if (4 * addresses_.size() > ipv4_.size()) {
      ipv4_.assign(2 * ipv4_.size(), 0);
      ipv6_.assign(ipv4_.size(), {});
      ipv4_mask_ = ipv6_mask_ = static_cast<uint32_t>(ipv4_.size() - 1);
      for (VipId old = 1; old < vip; ++old) InsertAddress(old);
    }
    InsertAddress(vip);
  }
  services_.push_back({PortKey(vip, protocol, port), service});
  if (4 * services_.size() > ports_.size()) {
    ports_.assign(2 * ports_.size(), {});
    ports_mask_ = static_cast<uint32_t>(ports_.size() - 1);
    for (const PortEntry& entry : services_) InsertPort(entry);
  } else {
    InsertPort(services_.back());
  }
  return Status::Ok();
}

void VipIndex::InsertAddress(VipId vip) {
  const IpAddress& address = addresses_[vip - 1];
  if (address.is_v4()) {
    const uint32_t value = address.v4().value;
    uint32_t i = HashIpv4(value);
    while (ipv4_[i & ipv4_mask_] != 0) ++i;
    ipv4_[i & ipv4_mask_] = static_cast<uint64_t>(value) << 32 | vip;
    return;
  }
  const auto high = LoadUnaligned<uint64_t>(address.data());
  const auto low = LoadUnaligned<uint64_t>(address.data() + 8);
  uint32_t i = HashIpv6(high, low);
  while (ipv6_[i & ipv6_mask_].vip != kNotVip) ++i;
  ipv6_[i & ipv6_mask_] = {high, low, vip};
}

void VipIndex::InsertPort(const PortEntry& entry) {
  uint32_t i = HashPort(entry.key);
  while (ports_[i & ports_mask_].key != 0) ++i;
  ports_[i & ports_mask_] = entry;
}

}  // namespace flyover::lb
