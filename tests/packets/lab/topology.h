// The machine that the packet tests build:
//
//   p0  10.1.0.1/24  2001:db8:1::1/64   client        10.1.0.2   2001:db8:1::2
//   p1  10.2.0.1/24  2001:db8:2::1/64   gateway       10.2.0.2   2001:db8:2::2
//                                       backends      10.2.0.11  2001:db8:2::11   to 14
//   p2  10.3.0.1/24  2001:db8:3::1/64   gateway       10.3.0.2   2001:db8:3::2    MTU 1280
//   p3  10.4.0.1/24  2001:db8:4::1/64   gateway       10.4.0.2   2001:db8:4::2    MTU 9000
//
// Routes are listed in topology.cc. Of on-link hosts, those above are resolved, .66 and ::66 have
// failed, and all others are unknown.
#pragma once

#include <string>

#include "common/testing/packet_builder.h"
#include "lb/config/lb_config.h"
#include "router/rib/rib.h"

namespace flyover::test {

inline constexpr unsigned kPorts = 4;
inline constexpr unsigned kP0 = 0, kP1 = 1, kP2 = 2, kP3 = 3;
inline constexpr std::array<uint16_t, kPorts> kMtus = {1500, 1500, 1280, 9000};

constexpr Mac PortMac(unsigned port) { return {0x02, 0, 0, 0, 0x01, static_cast<uint8_t>(port)}; }
inline constexpr Mac kClientMac = {0x02, 0, 0, 0, 0, 0x0c};
// The gateway on p1, p2 or p3.
constexpr Mac GatewayMac(unsigned port) {
  return {0x02, 0, 0, 0, 0x02, static_cast<uint8_t>(port)};
}
// Backend 11 to 14.
constexpr Mac BackendMac(unsigned n) { return {0x02, 0, 0, 0, 0x03, static_cast<uint8_t>(n)}; }
// The neighbour on sub-interface v of LabOptions::vlans.
constexpr Mac VlanHostMac(unsigned v) { return {0x02, 0, 0, 0, 0x04, static_cast<uint8_t>(v)}; }
// Of tunnel t of LabOptions::tunnels, and of the other end where Ethernet is inside.
constexpr Mac TunnelMac(unsigned t) { return {0x02, 0, 0, 0, 0x05, static_cast<uint8_t>(t)}; }
constexpr Mac TunnelHostMac(unsigned t) { return {0x02, 0, 0, 0, 0x06, static_cast<uint8_t>(t)}; }
inline constexpr Mac kBroadcastMac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

// Of a frame that comes in by `port` from the host that we know there.
inline Eth From(unsigned port) {
  return {.dst = PortMac(port), .src = port == kP0 ? kClientMac : GatewayMac(port)};
}
// Of a frame that leaves by `port` for that host.
inline Eth To(unsigned port) {
  return {.dst = port == kP0 ? kClientMac : GatewayMac(port), .src = PortMac(port)};
}
inline Eth ToBackend(unsigned n) { return {.dst = BackendMac(n), .src = PortMac(kP1)}; }

inline constexpr char kClient4[] = "10.1.0.2";
inline constexpr char kClient6[] = "2001:db8:1::2";
inline constexpr char kFar4[] = "10.9.0.1";  // behind the gateway on p1
inline constexpr char kFar6[] = "2001:db8:9::1";
inline constexpr char kTunnel4[] = "10.255.0.1";
inline constexpr char kTunnel6[] = "2001:db8:ff::1";
std::string Backend4(unsigned n);
std::string Backend6(unsigned n);

// VIPs, by family of the client and of the backend.
inline constexpr char kVipDsr4[] = "192.0.2.1";
inline constexpr char kVip44[] = "192.0.2.2";
inline constexpr char kVip46[] = "192.0.2.3";
inline constexpr char kVipEmpty[] = "192.0.2.9";  // all weights 0
inline constexpr char kVipStray[] = "192.0.2.8";  // L2-DSR, its backend is behind a gateway
// Inside p0's subnet, so that the kernel has them too and answers ARP and ND for them.
inline constexpr char kVipOnLink4[] = "10.1.0.100";
inline constexpr char kVipOnLink6[] = "2001:db8:1::100";
inline constexpr char kVipDsr6[] = "2001:db8:100::1";
inline constexpr char kVip66[] = "2001:db8:100::2";
inline constexpr char kVip64[] = "2001:db8:100::3";

void AddRoutes(router::Rib& rib);
// Network n of both families, 10.n.0.0/24 and 2001:db8:n::/64, on a port that has address 1 there.
void AddNetwork(router::VrfRib& rib, unsigned port, unsigned n);
// Host 2 of that network.
void AddNeighbor(router::Rib& rib, unsigned port, unsigned n, const Mac& mac);
lb::LbConfig BalancerConfig();

}  // namespace flyover::test
