// Latency by an open-loop schedule: packets are due at fixed times, whether or not the one before
// has left, and each one's residence counts from when it was due. A stall is seen by all packets
// that were due in it (no coordinated omission).
//
// Time is that of the thing measured: the ticks that it worked, and nothing of what prepares its
// packets. So one core suffices, and the generator cannot be the slower one. What a device adds
// (its queue, the bus, interrupts) is not in it.
#pragma once

#include <cstdint>
#include <functional>

#include "common/base/status.h"
#include "tools/flyover_bench/histogram.h"

namespace flyover {

// Serves a burst of 0 (an empty poll) to kMaxBurst packets; answers with the ticks it took.
using ServeBurst = std::function<Result<uint64_t>(unsigned)>;

struct Schedule {
  double interval = 0;   // ticks from one packet to the next
  uint64_t packets = 0;  // in all
  size_t ring = 1024;    // packets that may wait; one that is due beyond is lost
};

struct Latency {
  uint64_t lost = 0;
  size_t behind = 0;    // that waited when the last was due
  Histogram residence;  // ticks from when a packet was due until its burst was through
};
Result<Latency> RunSchedule(const ServeBurst& serve, const Schedule& schedule);

// Throughput as RFC 2544, 26.1 means it: the shortest interval at which nothing is lost, by
// halving, to half a percent. As in MLRsearch an interval is judged by most of several short trials
// (15, of `packets` together), and one that ends with more than two bursts waiting has lost: its
// ring would have been too small for a longer one. A moment that another program took does not
// decide. `near`: ticks a packet, from which the search begins (a quarter to four times).
// kFailedPrecondition when even the longest loses packets.
Result<double> FindNoDropInterval(const ServeBurst& serve, double near, uint64_t packets);

}  // namespace flyover
