#include "tests/packets/lab/topology.h"

#include <gtest/gtest.h>

namespace flyover::test {
namespace {

using router::NexthopAction;
using router::Rib;
using router::RibRoute;
using router::VrfRib;

IpPrefix Prefix(const std::string& text) { return IpPrefix::Parse(text).value(); }
IpAddress Address(const std::string& text) { return IpAddress::Parse(text).value(); }
PortIndex Port(unsigned port) { return PortIndex(static_cast<uint8_t>(port)); }

void Add(VrfRib& rib, const RibRoute& route) {
  const Status status = rib.UpsertRoute(route);
  ASSERT_TRUE(status.ok()) << status.message();
}
void Simple(VrfRib& rib, const std::string& prefix, NexthopAction action) {
  RibRoute route;
  route.prefix = Prefix(prefix);
  route.action = action;
  Add(rib, route);
}
void Connected(VrfRib& rib, const std::string& prefix, unsigned port) {
  RibRoute route;
  route.prefix = Prefix(prefix);
  route.action = NexthopAction::kGlean;
  route.nexthops = {{.gateway = std::nullopt, .port = Port(port)}};
  Add(rib, route);
}
void Via(VrfRib& rib, const std::string& prefix,
         const std::vector<std::pair<std::string, unsigned>>& gateways) {
  RibRoute route;
  route.prefix = Prefix(prefix);
  route.action = NexthopAction::kForward;
  for (const auto& [gateway, port] : gateways) {
    route.nexthops.push_back({.gateway = Address(gateway), .port = Port(port)});
  }
  Add(rib, route);
}
void Neighbor(Rib& rib, unsigned port, const std::string& address, const Mac& mac) {
  rib.SetNeighbor(Port(port), Address(address), MacAddress{mac});
}

lb::ServiceConfig Service(const std::string& name, const std::string& vip, lb::Protocol protocol,
                          uint16_t port, lb::ForwardMode mode, bool v6_backends) {
  lb::ServiceConfig service;
  service.name = name;
  service.vips = {Address(vip)};
  service.protocol = protocol;
  service.ports = lb::PortRange::One(port);
  service.forward = mode;
  service.source = {.ipv4 = Address(kTunnel4).v4(), .ipv6 = Address(kTunnel6).v6()};
  for (unsigned n = 11; n <= 14; ++n) {
    lb::BackendConfig backend;
    backend.name = "b" + std::to_string(n);
    backend.address = Address(v6_backends ? Backend6(n) : Backend4(n));
    service.backends.push_back(backend);
  }
  return service;
}

}  // namespace

std::string Backend4(unsigned n) { return "10.2.0." + std::to_string(n); }
std::string Backend6(unsigned n) { return "2001:db8:2::" + std::to_string(n); }

void AddNetwork(VrfRib& rib, unsigned port, unsigned network) {
  const std::string n = std::to_string(network);
  Connected(rib, "10." + n + ".0.0/24", port);
  Connected(rib, "2001:db8:" + n + "::/64", port);
  Simple(rib, "10." + n + ".0.1/32", NexthopAction::kLocal);
  Simple(rib, "2001:db8:" + n + "::1/128", NexthopAction::kLocal);
  Simple(rib, "10." + n + ".0.255/32", NexthopAction::kBroadcast);
}

void AddNeighbor(Rib& rib, unsigned port, unsigned network, const Mac& mac) {
  const std::string n = std::to_string(network);
  Neighbor(rib, port, "10." + n + ".0.2", mac);
  Neighbor(rib, port, "2001:db8:" + n + "::2", mac);
}

void AddRoutes(Rib& rib) {
  VrfRib& main = rib.main();
  for (unsigned p = 0; p < kPorts; ++p) {
    const std::string n = std::to_string(p + 1);
    AddNetwork(main, p, p + 1);
    rib.SetNeighborFailed(Port(p), Address("10." + n + ".0.66"));
    rib.SetNeighborFailed(Port(p), Address("2001:db8:" + n + "::66"));
    if (p == kP0) continue;
    Neighbor(rib, p, "10." + n + ".0.2", GatewayMac(p));
    Neighbor(rib, p, "2001:db8:" + n + "::2", GatewayMac(p));
  }
  Simple(main, "fe80::1/128", NexthopAction::kLocal);
  Simple(main, std::string(kVipOnLink4) + "/32", NexthopAction::kLocal);
  Simple(main, std::string(kVipOnLink6) + "/128", NexthopAction::kLocal);
  Neighbor(rib, kP0, kClient4, kClientMac);
  Neighbor(rib, kP0, kClient6, kClientMac);
  for (unsigned n = 11; n <= 14; ++n) {
    Neighbor(rib, kP1, Backend4(n), BackendMac(n));
    Neighbor(rib, kP1, Backend6(n), BackendMac(n));
  }

  Via(main, "10.9.0.0/16", {{"10.2.0.2", kP1}});
  Via(main, "2001:db8:9::/48", {{"2001:db8:2::2", kP1}});
  // To the narrow link, and to the wide one.
  Via(main, "10.8.0.0/16", {{"10.3.0.2", kP2}});
  Via(main, "2001:db8:8::/48", {{"2001:db8:3::2", kP2}});
  Via(main, "10.10.0.0/16", {{"10.4.0.2", kP3}});
  Via(main, "2001:db8:10::/48", {{"2001:db8:4::2", kP3}});
  // Longest prefix match: each length leaves by another port.
  Via(main, "10.20.0.0/16", {{"10.2.0.2", kP1}});
  Via(main, "10.20.1.0/24", {{"10.3.0.2", kP2}});
  Via(main, "10.20.1.1/32", {{"10.4.0.2", kP3}});
  Via(main, "2001:db8:20::/48", {{"2001:db8:2::2", kP1}});
  Via(main, "2001:db8:20:1::/64", {{"2001:db8:3::2", kP2}});
  Via(main, "2001:db8:20:1::2/127", {{"2001:db8:4::2", kP3}});
  Via(main, "2001:db8:20:1::3/128", {{"2001:db8:2::2", kP1}});
  // An IPv4 route with an IPv6 next hop (RFC 8950).
  Via(main, "10.21.0.0/16", {{"2001:db8:2::2", kP1}});
  // Default routes exist only for one half of each space, so that "no route" can be seen too.
  Via(main, "128.0.0.0/1", {{"10.2.0.2", kP1}});
  Via(main, "8000::/1", {{"2001:db8:2::2", kP1}});
  // Gateways that nobody knows yet, and that do not answer.
  Via(main, "10.30.0.0/16", {{"10.2.0.77", kP1}});
  Via(main, "2001:db8:30::/48", {{"2001:db8:2::77", kP1}});
  Via(main, "10.31.0.0/16", {{"10.2.0.66", kP1}});
  Via(main, "2001:db8:31::/48", {{"2001:db8:2::66", kP1}});
  Via(main, "10.40.0.0/16", {{"10.2.0.2", kP1}, {"10.3.0.2", kP2}, {"10.4.0.2", kP3}});
  Via(main, "2001:db8:40::/48",
      {{"2001:db8:2::2", kP1}, {"2001:db8:3::2", kP2}, {"2001:db8:4::2", kP3}});
  Simple(main, "10.50.0.0/16", NexthopAction::kBlackhole);
  Simple(main, "10.51.0.0/16", NexthopAction::kUnreachable);
  Simple(main, "10.52.0.0/16", NexthopAction::kProhibit);
  Simple(main, "2001:db8:50::/48", NexthopAction::kBlackhole);
  Simple(main, "2001:db8:51::/48", NexthopAction::kUnreachable);
  Simple(main, "2001:db8:52::/48", NexthopAction::kProhibit);
}

lb::LbConfig BalancerConfig() {
  using lb::ForwardMode;
  using lb::Protocol;
  lb::LbConfig config;
  config.services = {
      Service("dsr4", kVipDsr4, Protocol::kTcp, 80, ForwardMode::kL2dsr, false),
      Service("dsr4-dns", kVipDsr4, Protocol::kUdp, 53, ForwardMode::kL2dsr, false),
      Service("ipip44", kVip44, Protocol::kTcp, 80, ForwardMode::kIpip, false),
      Service("ipip44-dns", kVip44, Protocol::kUdp, 53, ForwardMode::kIpip, false),
      Service("ipip46", kVip46, Protocol::kTcp, 80, ForwardMode::kIpip, true),
      Service("dsr6", kVipDsr6, Protocol::kTcp, 80, ForwardMode::kL2dsr, true),
      Service("ipip66", kVip66, Protocol::kTcp, 80, ForwardMode::kIpip, true),
      Service("ipip64", kVip64, Protocol::kTcp, 80, ForwardMode::kIpip, false),
      Service("empty", kVipEmpty, Protocol::kTcp, 80, ForwardMode::kIpip, false),
      Service("stray", kVipStray, Protocol::kTcp, 80, ForwardMode::kL2dsr, false),
      Service("on-link4", kVipOnLink4, Protocol::kTcp, 80, ForwardMode::kIpip, false),
      Service("on-link6", kVipOnLink6, Protocol::kTcp, 80, ForwardMode::kIpip, true),
  };
  for (lb::BackendConfig& backend : config.services[8].backends) backend.weight = 0;
  config.services[9].backends.resize(1);
  config.services[9].backends[0].address = Address("10.9.0.11");
  return config;
}

}  // namespace flyover::test
