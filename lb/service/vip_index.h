// Which service a packet is for: destination address, protocol and port.
//
// Two steps, because most packets of a router are for no VIP at all: the address alone settles them
// with one probe of a table that stays in the cache.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/base/status.h"
#include "common/net/byte_order.h"
#include "common/net/flow_hash.h"
#include "common/net/ip_address.h"
#include "lb/service/lb_counters.h"

namespace flyover::lb {

// Immutable after the last Add; then read by any number of threads.
class VipIndex {
 public:
  // An address that is a VIP of some service; 0: it is none.
  using VipId = uint32_t;
  static constexpr VipId kNotVip = 0;

  VipIndex();

  // Errors: kAlreadyExists  the address serves this protocol and port already
  Status Add(const IpAddress& address, uint8_t protocol, uint16_t port, ServiceId service);

  VipId FindIpv4(uint32_t host_order) const {
    for (uint32_t i = HashIpv4(host_order);; ++i) {
      const uint64_t entry = ipv4_[i & ipv4_mask_];
      if (entry == 0) return kNotVip;
      if (entry >> 32 == host_order) return static_cast<VipId>(entry);
    }
  }
  // `address`: 16 bytes, network order.
  VipId FindIpv6(const void* address) const {
    const auto* p = static_cast<const uint8_t*>(address);
    const auto high = LoadUnaligned<uint64_t>(p);
    const auto low = LoadUnaligned<uint64_t>(p + 8);
    for (uint32_t i = HashIpv6(high, low);; ++i) {
      const Ipv6Entry& entry = ipv6_[i & ipv6_mask_];
      if (entry.vip == kNotVip) return kNotVip;
      if (entry.high == high && entry.low == low) return entry.vip;
    }
  }
  VipId Find(const IpAddress& a) const {
    return a.is_v4() ? FindIpv4(a.v4().value) : FindIpv6(a.data());
  }

  // kNoService when the VIP has none on this protocol and port. REQUIRES: vip != kNotVip.
  ServiceId FindService(VipId vip, uint8_t protocol, uint16_t port) const {
    const uint64_t key = PortKey(vip, protocol, port);
    for (uint32_t i = HashPort(key);; ++i) {
      const PortEntry& entry = ports_[i & ports_mask_];
      if (entry.key == key) return entry.service;
      if (entry.key == 0) return kNoService;
    }
  }

  bool empty() const { return addresses_.empty(); }
  // Every VIP once, in the order of their first Add.
  const std::vector<IpAddress>& addresses() const { return addresses_; }

 private:
  struct Ipv6Entry {
    uint64_t high = 0;
    uint64_t low = 0;
    VipId vip = kNotVip;
  };
  struct PortEntry {
    uint64_t key = 0;
    ServiceId service = kNoService;
  };

  static uint32_t HashIpv4(uint32_t a) { return (a * 0x9e3779b1u) >> 12; }
  static uint32_t HashIpv6(uint64_t high, uint64_t low) {
    return static_cast<uint32_t>(Mum(high ^ 0x9e3779b97f4a7c15ULL, low ^ 0xd1b54a32d192ed03ULL) >>
                                 16);
  }
  static uint64_t PortKey(VipId vip, uint8_t protocol, uint16_t port) {
    return static_cast<uint64_t>(vip) << 24 | static_cast<uint64_t>(protocol) << 16 | port;
  }
  static uint32_t HashPort(uint64_t key) {
    return static_cast<uint32_t>((key * 0x9e3779b97f4a7c15ULL) >> 32);
  }
  void InsertAddress(VipId vip);
  void InsertPort(const PortEntry& entry);

  // Open addressing, a power of two, at most a quarter full: a miss ends at an empty entry soon.
  std::vector<uint64_t> ipv4_;  // address in the upper half, VipId in the lower
  std::vector<Ipv6Entry> ipv6_;
  std::vector<PortEntry> ports_;
  uint32_t ipv4_mask_ = 0;
  uint32_t ipv6_mask_ = 0;
  uint32_t ports_mask_ = 0;
  std::vector<IpAddress> addresses_;  // VipId - 1 is the index
  std::vector<PortEntry> services_;   // all, for growing
};

}  // namespace flyover::lb
