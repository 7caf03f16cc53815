// All that lcores read to forward a packet. router/rib is the only writer.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "router/fib/adjacency.h"
#include "router/fib/fib4.h"
#include "router/fib/fib6.h"
#include "router/fib/nexthop_group.h"
#include "router/fib/route_capacity.h"
#include "router/fib/use_counters.h"

namespace flyover::router {

struct ForwardingTables {
  struct Options {
    uint32_t tbl8_groups = Fib4::kDefaultTbl8Groups;
    uint32_t fib6_nodes = Fib6::kDefaultNodes;
    uint32_t groups = 1u << 20;
    uint32_t adjacencies = 1u << 20;
    static Options For(const RouteCapacity& capacity) {
      Options options;
      options.tbl8_groups = capacity.tbl8_groups();
      options.fib6_nodes = capacity.fib6_nodes();
      return options;
    }
  };
  ForwardingTables() : ForwardingTables(Options{}) {}
  explicit ForwardingTables(const Options& options)
      : fib4(options.tbl8_groups),
        fib6(options.fib6_nodes),
        feasible4(options.tbl8_groups),
        feasible6(options.fib6_nodes),
        groups(options.groups),
        adjacencies(options.adjacencies) {}

  Fib4 fib4;
  Fib6 fib6;
  // Prefixes with several usable routes, and the next hops of all of them: the feasible paths of
  // RFC 3704 2.3. Looked up for sources only; touches no memory while there are none.
  Fib4 feasible4;
  Fib6 feasible6;
  GroupTable groups;
  AdjacencyTable adjacencies;
  // Of every lcore; set before lcores run, read by the control thread.
  std::vector<const UseCounters*> use;
  // Moves, with release order, after every change of a neighbour or a port: lcores then look again
  // at what they hold.
  std::atomic<uint32_t> neighbor_generation{0};
};

}  // namespace flyover::router
