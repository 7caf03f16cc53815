// One lcore of the path level and what is around it: its receive and transmit rings, the packets
// that go round, and the traffic that writes them anew. Several lcores of one Testbed have a feed
// each.
//
// Threads: one at a time; the feeds of one Testbed at the same time, each by its thread.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <memory>
#include <string>
#include <vector>

#include "tools/flyover_bench/subject.h"
#include "tools/flyover_bench/testbed.h"

namespace flyover {

// Rings as a device with a pair of queues for each lcore: what is enqueued is received, what is
// transmitted is dequeued.
struct RingDevice {
  std::vector<rte_ring*> rx, tx;  // by queue
  std::string name;               // for Testbed::Create
  // `rx` and `tx`: what a ring holds, powers of two.
  static Result<RingDevice> Make(unsigned queues, unsigned rx = 256, unsigned tx = 256);
};

class PathFeed {
 public:
  // Both devices, of which it uses queue `lcore`, and `bed` must live as long.
  PathFeed(const Load& load, Fault fault, Testbed& bed, unsigned lcore, const RingDevice& in,
           const RingDevice& out);
  ~PathFeed();
  PathFeed(const PathFeed&) = delete;
  PathFeed& operator=(const PathFeed&) = delete;

  Status Build(uint64_t seed);
  // The first time through all flows (for a service it makes their entries), then a few bursts
  // after another subject had the caches.
  Status Warm();
  // One burst in, the loop, the burst out: ticks of the loop.
  Result<uint64_t> OneBurst(unsigned count = kMaxBurst);
  // Time becomes what the bursts say, so that the same instructions run each time: by the real
  // clock an instrumented run is a hundred times slower, and sweeps and new seconds come at random.
  void CountBursts();

 private:
  const Load load_;
  const Fault fault_;
  Testbed& bed_;
  Lcore& lcore_;
  rte_ring* const rx_;
  rte_ring* const tx_;
  std::unique_ptr<Traffic> traffic_;
  std::unique_ptr<QsbrReader> reader_;  // while routes change
  std::vector<rte_mbuf*> packets_;      // recycled
  bool warm_ = false;
  uint64_t now_ = 0;   // TSC; 0: the real clock
  uint64_t step_ = 0;  // of now_, each burst
};

}  // namespace flyover
