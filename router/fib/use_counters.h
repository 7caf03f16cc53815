// Packets by neighbour or by next-hop group, counted by one lcore: the place is Adjacency::counter
// or the GroupId.
//
// A neighbour keeps its place while its adjacencies come and go, all routes with the same next hops
// share a group. A place that is given to another one keeps its count, and who reads takes the
// difference.
//
// Threads: one lcore counts, the control thread reads at any time.
#pragma once

#include <atomic>
#include <cstdint>

#include "router/fib/mapped_array.h"

namespace flyover::router {

class UseCounters {
 public:
  // As many places as a ForwardingTables may have adjacencies, or groups, by default. Memory only
  // where it counts.
  static constexpr uint32_t kPlaces = 1u << 20;

  void Count(uint32_t place) {
    std::atomic<uint64_t>& counter = packets_[place];
    // One writer: no locked instruction.
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  uint64_t Packets(uint32_t place) const { return packets_[place].load(std::memory_order_relaxed); }

 private:
  MappedArray<std::atomic<uint64_t>> packets_{kPlaces};
};

}  // namespace flyover::router
