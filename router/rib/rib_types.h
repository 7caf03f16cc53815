// What the RIB is told, and what it tells `show`. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/strong_id.h"
#include "common/net/ip_prefix.h"
#include "common/net/mac_address.h"
#include "router/fib/adjacency.h"
#include "router/fib/ecmp_buckets.h"
#include "router/fib/nexthop_group.h"

namespace flyover::router {

struct RibNexthop {
  std::optional<IpAddress> gateway;  // none: on-link (connected)
  PortIndex port = kNoPort;
  uint16_t weight = 1;  // at least 1
  bool operator==(const RibNexthop&) const = default;
};

struct RibRoute {
  IpPrefix prefix;
  uint32_t metric = 0;   // lowest wins
  uint8_t protocol = 0;  // rtnetlink RTPROT_*
  // kForward (every next hop has a gateway), kGlean (connected: one next hop without gateway),
  // kLocal, kBroadcast, kBlackhole, kUnreachable, kProhibit. The last five ignore `nexthops`.
  NexthopAction action = NexthopAction::kForward;
  std::vector<RibNexthop> nexthops;
  uint16_t mtu = 0;  // bytes of L3; 0: the port's
};

struct RibPort {
  MacAddress mac;
  uint16_t mtu = 1500;
  bool up = false;
  bool point_to_point = false;  // known before there are routes, and never changed
  VrfIndex vrf = kMainVrf;      // never changed either
  bool operator==(const RibPort&) const = default;
};

// For `show`.
struct NexthopView {
  std::optional<IpAddress> gateway;
  PortIndex port = kNoPort;
  uint16_t weight = 1;
  bool port_up = false;
  AdjacencyState state = AdjacencyState::kUnresolved;  // of the gateway
  MacAddress mac;                                      // of the gateway, when kResolved
};

struct RouteView {
  IpPrefix prefix;
  uint32_t metric = 0;
  uint8_t protocol = 0;
  NexthopAction action = NexthopAction::kNoRoute;
  std::vector<NexthopView> nexthops = {};
  uint16_t mtu = 0;
  bool usable = false;  // has a next hop whose port is up, or needs none
  bool best = false;    // the usable one with the lowest metric
  // Of the best one: packets of all routes with the same next hops, in whatever VRF.
  uint64_t packets = 0;
  VrfIndex vrf = kMainVrf;  // of kLeak: where it is looked up again
};

struct NeighborView {
  PortIndex port = kNoPort;
  IpAddress address;
  AdjacencyState state = AdjacencyState::kUnresolved;
  MacAddress mac;           // when kResolved
  uint64_t packets = 0;     // sent to it, since there is a way through it
  bool host_entry = false;  // has its own /32 or /128 in the FIB
};

// Equal-cost next hops and how the flows are divided among them.
struct EcmpMemberView {
  NexthopView nexthop;
  uint32_t buckets = 0;  // 0: its port is down
};
struct EcmpView {
  GroupId group;
  uint32_t routes = 0;   // that use it
  uint64_t packets = 0;  // of all of them
  std::vector<EcmpMemberView> members;
  BucketChange last_change;  // of members or weights
};

// Why a packet goes where it goes.
struct RouteExplanation {
  // The longest usable route that covers the address; none: there is no route.
  std::optional<RouteView> route;
  // Set when the destination is a neighbour on the connected route and its own entry decides.
  std::optional<NeighborView> neighbor;
  // What lcores do with it, and the FIB entry that says so.
  NexthopAction action = NexthopAction::kNoRoute;
  GroupId group;
};

}  // namespace flyover::router
