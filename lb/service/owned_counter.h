// A number with one writer: adding is a plain add, not a locked one. Any thread reads.
#pragma once

#include <atomic>
#include <cstdint>

namespace flyover::lb {

class OwnedCounter {
 public:
  void Add(uint64_t n) { value_.store(Load() + n, std::memory_order_relaxed); }
  uint64_t Load() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace flyover::lb
