// Tunnels as the data path sees them: what goes in front of a packet that leaves by one, and which
// packets to this box belong to one.
//
// An immutable part of the PortTable snapshot. A tunnel's port is point-to-point: whatever next hop
// a route names, the other end gets the packet. VXLAN carries Ethernet and has neighbours like any
// port.
//
// Threads: lcores read; the control thread builds and publishes. TunnelMtus is shared by all
// lcores: single relaxed stores, any of which may win.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "common/base/strong_id.h"
#include "common/config/dataplane_config.h"
#include "common/net/ip_address.h"

namespace flyover::router {

inline constexpr uint16_t kVxlanPort = 4789;

// What a received packet must show to belong to a tunnel.
struct TunnelKey {
  TunnelKind kind = TunnelKind::kIpip;
  bool has_key = false;  // GRE; VXLAN always
  uint32_t key = 0;      // GRE's key, VXLAN's VNI
  IpAddress local;
  IpAddress remote;
  VrfIndex underlay = kMainVrf;  // in which the outer packets travel
  bool operator==(const TunnelKey&) const = default;
};

struct Tunnel {
  TunnelKey key;
  PortIndex port = kNoPort;
  uint8_t ttl = 64;  // of the outer header

  bool v6() const { return key.local.is_v6(); }
  // Bytes between the outer IP header's start and what is carried.
  uint16_t header_length() const {
    const uint16_t ip = v6() ? 40 : 20;
    if (key.kind == TunnelKind::kIpip) return ip;
    if (key.kind == TunnelKind::kVxlan) return static_cast<uint16_t>(ip + 16);
    return static_cast<uint16_t>(ip + (key.has_key ? 8 : 4));
  }
  // Bytes in front of the inner IP header: what the tunnel takes from the MTU.
  uint16_t overhead() const {
    return static_cast<uint16_t>(header_length() + (key.kind == TunnelKind::kVxlan ? 14 : 0));
  }
};

class TunnelTable {
 public:
  void Add(const Tunnel& tunnel);
  bool empty() const { return tunnels_.empty(); }
  // Null: there is none.
  const Tunnel* Find(const TunnelKey& key) const;
  // By its two ends alone: for ICMP errors, which may quote no more.
  const Tunnel* FindByEnds(const IpAddress& local, const IpAddress& remote,
                           VrfIndex underlay) const;
  const Tunnel* OfPort(PortIndex port) const {
    const uint8_t n = by_port_[port.value()];
    return n == 0 ? nullptr : &tunnels_[n - 1u];
  }

 private:
  std::vector<Tunnel> tunnels_;
  std::array<uint8_t, kMaxPorts> by_port_{};         // index + 1; 0: no tunnel
  std::vector<std::pair<uint64_t, uint8_t>> index_;  // hash of the key, index; sorted
};

// What routers on the way have said of a tunnel's path (RFC 1191, RFC 8201).
class TunnelMtus {
 public:
  // The path takes outer packets of `mtu` bytes; believed until `until` (TSC).
  void Learn(PortIndex port, uint16_t mtu, uint64_t until) {
    entries_[port.value()].until.store(until, std::memory_order_relaxed);
    entries_[port.value()].mtu.store(mtu, std::memory_order_relaxed);
  }
  // UINT16_MAX: nothing is known.
  uint16_t Get(PortIndex port, uint64_t now) const {
    const Entry& entry = entries_[port.value()];
    const uint16_t mtu = entry.mtu.load(std::memory_order_relaxed);
    if (mtu == 0 || now > entry.until.load(std::memory_order_relaxed)) return UINT16_MAX;
    return mtu;
  }

 private:
  struct Entry {
    std::atomic<uint16_t> mtu{0};  // 0: nothing
    std::atomic<uint64_t> until{0};
  };
  std::array<Entry, kMaxPorts> entries_;
};

}  // namespace flyover::router
