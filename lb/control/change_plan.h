// What a configuration would change, told before it is put in force (ServiceManager::Plan).
//
// How much of it a flow feels: a running flow of a service that stays keeps its backend for as long
// as that backend stays in the service (docs/loadbalancing.md has the bounds), whatever moves. So
// "moved" is what new flows see, and old ones that are silent for the whole change window; "broken"
// is what running flows see at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/quantity.h"
#include "common/net/ip_prefix.h"
#include "lb/config/lb_config.h"
#include "lb/maglev/table_moves.h"

namespace flyover::lb {

enum class PlannedChange : uint8_t { kKept, kAdded, kRemoved };

struct BackendPlan {
  std::string name;
  IpAddress address;
  PlannedChange change = PlannedChange::kKept;
  double share_before = 0;  // of the service's new flows, 0 to 1
  double share_after = 0;   // once slow starts are over
  uint32_t slots_lost = 0;
  uint32_t slots_gained = 0;
  uint64_t flows = 0;  // entries of the connection table that name it
};

struct ServicePlan {
  std::string name;
  PlannedChange change = PlannedChange::kKept;
  uint32_t slots = 0;         // of the table then, or of the one that goes
  uint32_t moved = 0;         // of a service that stays: slots that go to another backend
  uint32_t least = 0;         // the fewest that the same shares could do with
  uint64_t flows = 0;         // entries of the connection table
  uint64_t flows_broken = 0;  // of those, whose backend leaves the service
  double share_broken = 0;    // of the flows without an entry, 0 to 1
  std::vector<BackendPlan> backends;

  bool ChangesNothing() const;
};

// A VIP, protocol and port that does not stay with its service. Flows to it keep no state across
// that: those whose slot both tables give to one address go on, the others break.
struct EndpointPlan {
  IpPrefix vip;
  Protocol protocol = Protocol::kTcp;
  PortRange ports;
  std::string before;       // service; empty: none
  std::string after;        // likewise
  double share_broken = 0;  // of the running flows to it, 0 to 1
};

struct ChangePlan {
  std::vector<ServicePlan> services;  // the document's order, then those that go
  std::vector<EndpointPlan> endpoints;
  std::vector<IpPrefix> vips_added;    // to the document's
  std::vector<IpPrefix> vips_removed;  // from them
  // Those that routing daemons are told of (`balancer.announce`), when the holds are over and new
  // backends have passed their checks; and those that are taken from them.
  std::vector<IpPrefix> vips_announced;
  std::vector<IpPrefix> vips_withdrawn;

  // The largest share of one service's slots, or of one endpoint's flows, that moves: what a budget
  // is compared with. Rounded up.
  HundredthsOfPercent MostMoved() const;
};

}  // namespace flyover::lb
