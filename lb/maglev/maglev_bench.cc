// How long a Maglev table takes to build: the median of many, by size and number of backends.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "lb/maglev/maglev_table.h"

namespace flyover::lb {
namespace {

double MedianMilliseconds(uint32_t size, uint32_t backends, bool weighted) {
  std::vector<MaglevMember> pool;
  for (uint32_t i = 0; i < backends; ++i) {
    pool.push_back(
        {Ipv4Address{0x0a000000 + i}, static_cast<uint16_t>(weighted ? 50 + i % 100 : 100)});
  }
  std::vector<double> times;
  const int rounds = size > 100'000 ? 21 : 101;
  for (int round = 0; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    const auto table = MaglevTable::Build(pool, static_cast<uint64_t>(round), size);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (!table.ok() || table->empty()) return -1;
    times.push_back(took.count());
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<size_t>(rounds / 2)];
}

void Run() {
  std::printf("%8s %9s %16s %16s\n", "slots", "backends", "equal ms", "weighted ms");
  for (const uint32_t size : {4093u, 65'537u, 655'373u}) {
    for (const uint32_t backends : {2u, 10u, 100u, 1000u}) {
      std::printf("%8u %9u %16.3f %16.3f\n", size, backends,
                  MedianMilliseconds(size, backends, false),
                  MedianMilliseconds(size, backends, true));
    }
  }
}

}  // namespace
}  // namespace flyover::lb

int main() { flyover::lb::Run(); }
