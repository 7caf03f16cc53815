// The memory that a RouteCapacity stands for, computed from the tables' own shapes.
//
// Pure.
#pragma once

#include <cstdint>

#include "router/fib/route_capacity.h"

namespace flyover::router {

struct TableMemory {
  // Of what lcores read, bytes: the most that can ever be touched. Address space until then; a full
  // Internet table touches 88 and 6 MB of the default sizes.
  uint64_t ipv4_table = 0;
  uint64_t ipv6_table = 0;
  // Of what the tables' writer keeps beside them when they hold as many routes as they may.
  uint64_t rules = 0;
};

TableMemory MemoryOf(const RouteCapacity& capacity);

}  // namespace flyover::router
