// The connection tables of all lcores, read from the control thread while the lcores write: each
// entry shown was there, all of them together were perhaps never at one moment.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/strong_id.h"
#include "lb/conntrack/connection_table.h"

namespace flyover::lb {

struct ConnectionSummary {
  uint64_t capacity = 0;   // flows
  uint64_t occupancy = 0;  // expired ones included until the sweep meets them
  uint64_t inserts = 0;
  uint64_t evictions = 0;  // live flows that had to make room
  uint64_t memory_bytes = 0;

  ConnectionSummary& operator+=(const ConnectionSummary& o);
};

// A flow is known by its tag, not by its addresses: an entry keeps eight bytes.
struct ConnectionInfo {
  LcoreIndex lcore;
  uint32_t tag = 0;
  BackendId backend;
  uint16_t idle_seconds = 0;
};

ConnectionSummary Summarize(const ConnectionTable& table);

// Entries per backend, by BackendId; as long as the highest id found needs. Reads all of memory: a
// few milliseconds a million places.
std::vector<uint64_t> CountByBackend(std::span<const ConnectionTable* const> tables);

// At most `limit` entries. `tick`: CoarseClock's now.
std::vector<ConnectionInfo> ListConnections(std::span<const ConnectionTable* const> tables,
                                            size_t limit, uint16_t tick);

}  // namespace flyover::lb
