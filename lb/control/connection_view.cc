#include "lb/control/connection_view.h"

#include "lb/conntrack/coarse_clock.h"

namespace flyover::lb {

ConnectionSummary& ConnectionSummary::operator+=(const ConnectionSummary& o) {
  capacity += o.capacity;
  occupancy += o.occupancy;
  inserts += o.inserts;
  evictions += o.evictions;
  memory_bytes += o.memory_bytes;
  return *this;
}

ConnectionSummary Summarize(const ConnectionTable& table) {
  return {table.capacity(), table.occupancy(), table.inserts(), table.evictions(),
          table.memory_bytes()};
}

std::vector<uint64_t> CountByBackend(std::span<const ConnectionTable* const> tables) {
  std::vector<uint64_t> counts;
  for (const ConnectionTable* table : tables) {
    table->ForEach([&](uint32_t, BackendId backend, uint16_t) {
      if (backend.value() >= counts.size()) counts.resize(backend.value() + size_t{1});
      ++counts[backend.value()];
      return true;
    });
  }
  return counts;
}

std::vector<ConnectionInfo> ListConnections(std::span<const ConnectionTable* const> tables,
                                            size_t limit, uint16_t tick) {
  std::vector<ConnectionInfo> list;
  for (size_t lcore = 0; lcore < tables.size() && list.size() < limit; ++lcore) {
    tables[lcore]->ForEach([&](uint32_t tag, BackendId backend, uint16_t seen) {
      const uint16_t age = TickAge(tick, seen);
      // A lcore's clock may be a tick ahead of ours.
      const unsigned idle = age == kTickMask ? 0u : age / kTicksPerSecond;
      list.push_back(
          {LcoreIndex(static_cast<uint8_t>(lcore)), tag, backend, static_cast<uint16_t>(idle)});
      return list.size() < limit;
    });
  }
  return list;
}

}  // namespace flyover::lb
