#include "router/fib/table_memory.h"

#include "router/fib/fib4.h"
#include "router/fib/fib6.h"

namespace flyover::router {

TableMemory MemoryOf(const RouteCapacity& capacity) {
  return {.ipv4_table = Fib4::TableBytes(capacity.tbl8_groups()),
          .ipv6_table = Fib6::TableBytes(capacity.fib6_nodes()),
          .rules = Fib4::RuleBytes(capacity.ipv4) + Fib6::RuleBytes(capacity.ipv6)};
}

}  // namespace flyover::router
