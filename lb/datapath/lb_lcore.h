// What the balancer keeps for one forwarding lcore.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "common/datapath/token_bucket.h"
#include "common/net/flow_hash.h"
#include "lb/conntrack/coarse_clock.h"
#include "lb/conntrack/connection_table.h"
#include "lb/datapath/handshake_watch.h"
#include "lb/service/lb_counters.h"
#include "lb/service/path_mtu.h"
#include "lb/service/service_table.h"

namespace flyover::lb {

class FragmentTable;

// Threads: its lcore. Others may read `counters` and call the any-thread parts of `connections` and
// `fragments`.
struct LbLcore {
  LbLcore(LcoreIndex lcore, const HashKey& key, uint64_t tsc_hz,
          std::unique_ptr<ConnectionTable> table);
  ~LbLcore();

  // Once a loop, between two quiescent points, on the lcore itself: sweeps a little of the
  // handshakes that are watched (all of them within two seconds) and of the connection table. A
  // whole pass takes 10 s or longer, so that its memory traffic does not show beside the packets'.
  // The first call with a service takes the table's memory from the kernel.
  void Housekeeping(uint64_t now, const ServiceTable* table);

  const LcoreIndex index;
  const HashKey flow_key;  // the data plane's: what meta.flow_hash is computed with
  const std::unique_ptr<ConnectionTable> connections;
  std::vector<const ConnectionTable*> others;  // other lcores': read for ICMP errors
  const std::unique_ptr<FragmentTable> fragments;
  std::vector<const FragmentTable*> other_fragments;  // other lcores'
  std::shared_ptr<PathMtus> path_mtus;                // all lcores'
  LbCounters counters;
  HandshakeWatch handshakes;
  CoarseClock clock;
  uint16_t next_ip_id;         // of outer IPv4 headers that may be fragmented
  uint64_t packet_number = 0;  // of packets of services with `affinity: packet`
  TokenBucket answers;         // packets made here, from VIPs: vip_answer.h

 private:
  uint64_t sweep_interval_;  // TSC ticks
  uint64_t next_sweep_ = 0;
  uint64_t watch_interval_;  // TSC ticks
  uint64_t next_watch_ = 0;
  bool prefaulted_ = false;
};

// The state of `lcores` lcores, wired to each other. `capacity` counts flows over all of them.
// `key` is the data plane's flow key.
Result<std::vector<std::unique_ptr<LbLcore>>> MakeLbLcores(unsigned lcores, uint32_t capacity,
                                                           const HashKey& key, uint64_t tsc_hz);

}  // namespace flyover::lb
