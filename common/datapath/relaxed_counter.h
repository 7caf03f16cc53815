// Counters with one writer that others read: plain loads and stores, no lock prefix.
#pragma once

#include <atomic>
#include <cstdint>

namespace flyover {

class RelaxedCounter {
 public:
  void Add(uint64_t n) { value_.store(Get() + n, std::memory_order_relaxed); }
  void Max(uint64_t n) {
    if (n > Get()) value_.store(n, std::memory_order_relaxed);
  }
  uint64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct TrafficCounters {
  RelaxedCounter packets;
  RelaxedCounter bytes;  // whole frames, without FCS

  void Add(uint64_t more_packets, uint64_t more_bytes) {
    packets.Add(more_packets);
    bytes.Add(more_bytes);
  }
};

}  // namespace flyover
