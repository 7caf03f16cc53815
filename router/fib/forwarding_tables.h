// All that lcores read to forward a packet. router/rib is the only writer.
//
// Every VRF has prefixes of its own; next-hop groups and adjacencies are shared, so that a group
// may lead from one VRF into another and a port's failure is one change.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/strong_id.h"
#include "router/fib/adjacency.h"
#include "router/fib/fib4.h"
#include "router/fib/fib6.h"
#include "router/fib/nexthop_group.h"
#include "router/fib/route_capacity.h"
#include "router/fib/use_counters.h"

namespace flyover::router {

// The prefixes of one VRF.
struct RouteTables {
  struct Options {
    uint32_t tbl8_groups = Fib4::kDefaultTbl8Groups;
    uint32_t fib6_nodes = Fib6::kDefaultNodes;
    Pages pages = Pages::kHuge;
    static Options For(const RouteCapacity& capacity) {
      return {capacity.tbl8_groups(), capacity.fib6_nodes(),
              capacity.is_small() ? Pages::kSmall : Pages::kHuge};
    }
  };
  explicit RouteTables(const Options& options)
      : fib4(options.tbl8_groups, options.pages),
        fib6(options.fib6_nodes, options.pages),
        feasible4(options.tbl8_groups, options.pages),
        feasible6(options.fib6_nodes, options.pages) {}

  // Of one address; GroupId(0) where no prefix covers it. In bulk ask fib4 and fib6.
  GroupId Lookup(const IpAddress& address) const {
    GroupId group;
    if (address.is_v4()) {
      const uint32_t key = address.v4().value;
      fib4.Lookup(&key, &group, 1);
    } else {
      const Ipv6Key key = Ipv6Key::Of(address.data());
      fib6.Lookup(&key, &group, 1);
    }
    return group;
  }
  // Of what lcores and the writer have; entries never touched included.
  size_t memory_bytes() const { return fib4.memory_bytes() + fib6.memory_bytes(); }

  Fib4 fib4;
  Fib6 fib6;
  // Prefixes with several usable routes, and the next hops of all of them: the feasible paths of
  // RFC 3704 2.3. Looked up for sources only; touches no memory while there are none.
  Fib4 feasible4;
  Fib6 feasible6;
};

struct ForwardingTables {
  struct Options {
    std::vector<RouteTables::Options> vrfs{RouteTables::Options{}};  // by VrfIndex
    uint32_t groups = 1u << 20;
    uint32_t adjacencies = 1u << 20;
    static Options For(const std::vector<RouteCapacity>& capacities) {
      Options options;
      options.vrfs.clear();
      for (const RouteCapacity& capacity : capacities) {
        options.vrfs.push_back(RouteTables::Options::For(capacity));
      }
      return options;
    }
  };
  ForwardingTables() : ForwardingTables(Options{}) {}
  explicit ForwardingTables(const Options& options)
      : groups(options.groups), adjacencies(options.adjacencies) {
    for (const RouteTables::Options& vrf : options.vrfs) {
      vrfs.push_back(std::make_unique<RouteTables>(vrf));
    }
  }

  RouteTables& vrf(VrfIndex index) { return *vrfs[index.value()]; }
  const RouteTables& vrf(VrfIndex index) const { return *vrfs[index.value()]; }
  RouteTables& main() { return *vrfs[0]; }
  const RouteTables& main() const { return *vrfs[0]; }

  std::vector<std::unique_ptr<RouteTables>> vrfs;  // of fixed size
  GroupTable groups;
  AdjacencyTable adjacencies;
  // Of every lcore; set before lcores run, read by the control thread.
  std::vector<const UseCounters*> use;        // of neighbours
  std::vector<const UseCounters*> group_use;  // of next-hop groups
  // Moves, with release order, after every change of a neighbour or a port: lcores then look again
  // at what they hold.
  std::atomic<uint32_t> neighbor_generation{0};
};

}  // namespace flyover::router
