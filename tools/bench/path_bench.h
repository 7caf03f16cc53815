// The path level of the benchmark: packets from memory, through the very loop that an lcore runs,
// into memory.
//
//   source -> receive ring -> Lcore::RunOnce (all stages) -> transmit ring -> sink
//
// Only RunOnce is inside the clock. Packets are the same buffers again and again, with their
// headers written anew each round, so that nothing decays (TTL) and the caches see what a device
// would have brought.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace flyover {

enum class BenchCase : uint8_t { kIpv4Route, kIpv6Route, kServiceIpip };
inline constexpr BenchCase kBenchCases[] = {BenchCase::kIpv4Route, BenchCase::kIpv6Route,
                                            BenchCase::kServiceIpip};
std::string NameOf(BenchCase bench_case);
std::optional<BenchCase> ParseBenchCase(const std::string& name);

struct BenchOptions {
  uint32_t flows = 4096;   // distinct 5-tuples, in random order
  uint32_t routes = 1000;  // /24 or /48, beside the one for the sink's address
  unsigned repetitions = 15;
  uint32_t bursts = 4000;  // of 64 packets, per repetition
  uint64_t seed = 1;
};

struct BenchResult {
  BenchCase bench_case{};
  std::vector<double> cycles;          // TSC ticks a packet, one per repetition, in order
  std::optional<double> instructions;  // a packet; none where the machine has no counter for them
  uint64_t packets = 0;
  double Median() const;
};

// REQUIRES: EAL runs. An error when the sink did not get every packet that was sent: such a figure
// measures drops.
Result<BenchResult> RunPathBench(BenchCase bench_case, const BenchOptions& options);

}  // namespace flyover
