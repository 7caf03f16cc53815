// Which service a packet is for: destination address, protocol and port.
//
// Two steps, because most packets of a router are for no VIP at all: the address alone settles them
// with one probe, of a table that stays in the cache, for each length of VIPs (nearly always one).
// A packet is for the service of the longest VIP that has one for its port; there a single port
// goes before a range, and a range before any.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/net/byte_order.h"
#include "common/net/flow_hash.h"
#include "common/net/ip_prefix.h"
#include "lb/config/port_range.h"
#include "lb/service/lb_counters.h"

namespace flyover::lb {

// Immutable after the last Add; then read by any number of threads.
class VipIndex {
 public:
  // A VIP of some service; 0: the address is in none.
  using VipId = uint32_t;
  static constexpr VipId kNotVip = 0;

  VipIndex();

  // Errors: kAlreadyExists  the VIP serves this protocol and one of these ports already, by another
  //                         single port, range or any
  Status Add(const IpPrefix& vip, uint8_t protocol, const PortRange& ports, ServiceId service);

  // The longest VIP that holds the address.
  VipId FindIpv4(uint32_t host_order) const {
    for (const Ipv4Level& level : ipv4_) {
      const uint32_t address = host_order & level.mask;
      for (uint32_t i = HashIpv4(address);; ++i) {
        const uint64_t entry = level.slots[i & level.slot_mask];
        if (entry == 0) break;
        if (entry >> 32 == address) return static_cast<VipId>(entry);
      }
    }
    return kNotVip;
  }
  // `address`: 16 bytes, network order.
  VipId FindIpv6(const void* address) const {
    const auto* p = static_cast<const uint8_t*>(address);
    for (const Ipv6Level& level : ipv6_) {
      const uint64_t high = LoadUnaligned<uint64_t>(p) & level.high_mask;
      const uint64_t low = LoadUnaligned<uint64_t>(p + 8) & level.low_mask;
      for (uint32_t i = HashIpv6(high, low);; ++i) {
        const Ipv6Entry& entry = level.slots[i & level.slot_mask];
        if (entry.vip == kNotVip) break;
        if (entry.high == high && entry.low == low) return entry.vip;
      }
    }
    return kNotVip;
  }
  VipId Find(const IpAddress& a) const {
    return a.is_v4() ? FindIpv4(a.v4().value) : FindIpv6(a.data());
  }

  // kNoService when neither the VIP nor a shorter one around it has one for this protocol and port.
  // REQUIRES: vip != kNotVip.
  ServiceId FindService(VipId vip, uint8_t protocol, uint16_t port) const {
    do {
      ServiceId service = FindPort(PortKey(vip, protocol, port));
      if (service != kNoService) return service;
      if (!ranges_.empty()) {
        service = FindRange(vip, protocol, port);
        if (service != kNoService) return service;
      }
      vip = around_[vip];
    } while (vip != kNotVip);
    return kNoService;
  }

  bool empty() const { return vips_.empty(); }
  // Every VIP once, in the order of their first Add.
  const std::vector<IpPrefix>& vips() const { return vips_; }

 private:
  // VIPs of one length. Open addressing, a power of two, at most a quarter full: a miss ends at an
  // empty entry soon.
  struct Ipv4Level {
    unsigned length = 0;
    uint32_t mask = 0;
    uint32_t slot_mask = 0;
    uint32_t used = 0;
    std::vector<uint64_t> slots;  // address in the upper half, VipId in the lower
  };
  struct Ipv6Entry {
    uint64_t high = 0;  // as they lie in packets
    uint64_t low = 0;
    VipId vip = kNotVip;
  };
  struct Ipv6Level {
    unsigned length = 0;
    uint64_t high_mask = 0;
    uint64_t low_mask = 0;
    uint32_t slot_mask = 0;
    uint32_t used = 0;
    std::vector<Ipv6Entry> slots;
  };
  struct PortEntry {
    uint64_t key = 0;
    ServiceId service = kNoService;
  };
  // Ranges and `any` of one VIP and protocol; the narrow ones first, `any` last.
  struct RangeList {
    uint64_t key = 0;  // PortKey with port 0
    std::vector<std::pair<PortRange, ServiceId>> ranges;
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
  ServiceId FindPort(uint64_t key) const {
    for (uint32_t i = HashPort(key);; ++i) {
      const PortEntry& entry = ports_[i & ports_mask_];
      if (entry.key == key) return entry.service;
      if (entry.key == 0) return kNoService;
    }
  }
  ServiceId FindRange(VipId vip, uint8_t protocol, uint16_t port) const;

  VipId FindVip(const IpPrefix& vip) const;
  VipId AddVip(const IpPrefix& vip);
  void InsertAddress(VipId vip);
  void InsertIpv4(VipId vip);
  void InsertIpv6(VipId vip);
  void AddPort(const PortEntry& entry);
  void InsertPort(const PortEntry& entry);

  std::vector<Ipv4Level> ipv4_;  // longest first
  std::vector<Ipv6Level> ipv6_;
  std::vector<PortEntry> ports_;  // open addressing likewise
  uint32_t ports_mask_ = 0;
  std::vector<RangeList> ranges_;    // by key
  std::vector<IpPrefix> vips_;       // VipId - 1 is the index
  std::vector<VipId> around_;        // by VipId: the next shorter VIP that holds it
  std::vector<PortEntry> services_;  // of single ports, for growing
};

}  // namespace flyover::lb
