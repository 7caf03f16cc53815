// Cycles of a look-up in a connection table, by the number of flows in it.
//
// Flows are looked up in batches, each once before any comes again, so that no cache holds what is
// asked for. TSC ticks, the median of many short runs: long ones would measure the scheduler too.
#include <x86intrin.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "lb/conntrack/connection_table.h"

namespace flyover::lb {
namespace {

constexpr ConnectionTimeouts kTimeouts{nullptr, 0, 300};
constexpr size_t kRun = 65'536;

struct Ticks {
  double hit = 0;
  double miss = 0;
};

double Median(std::vector<double> runs) {
  std::nth_element(runs.begin(), runs.begin() + static_cast<long>(runs.size() / 2), runs.end());
  return runs[runs.size() / 2];
}

double TicksPerLookup(ConnectionTable& table, const std::vector<uint64_t>& flows, bool found) {
  std::vector<double> runs;
  std::array<ConnectionHit, ConnectionTable::kMaxBatch> hits;
  size_t wrong = 0;
  for (size_t at = 0; at + kRun <= flows.size(); at += kRun) {
    const uint64_t start = __rdtsc();
    for (size_t i = 0; i < kRun; i += hits.size()) {
      table.Lookup(&flows[at + i], hits.size(), 7, hits.data());
      for (const ConnectionHit& hit : hits) {
        wrong += hit.found != found;
        if (hit.found) table.Keep(hit, 7, Touch::kConfirm);
      }
    }
    runs.push_back(static_cast<double>(__rdtsc() - start) / kRun);
  }
  if (wrong > flows.size() / 1000) std::printf("%zu answers were wrong\n", wrong);
  return Median(std::move(runs));
}

int Run(size_t most) {
  std::printf("%12s %12s %14s %14s %14s\n", "flows", "bytes/flow", "ticks/hit", "ticks/miss",
              "ticks/insert");
  for (const size_t count : {size_t{262'144}, size_t{1'048'576}, most}) {
    auto created = ConnectionTable::Create(static_cast<uint32_t>(count * 5 / 4));
    if (!created.ok()) {
      std::printf("%s\n", created.status().message().c_str());
      return 1;
    }
    const std::unique_ptr<ConnectionTable> table = std::move(created).value();
    table->Prefault();
    std::mt19937_64 random(count);
    std::vector<uint64_t> flows(count), strangers(flows.size());
    for (uint64_t& flow : flows) flow = random();
    for (uint64_t& flow : strangers) flow = random();
    std::vector<double> inserts;
    for (size_t at = 0; at < flows.size(); at += kRun) {
      const size_t n = std::min(kRun, flows.size() - at);
      const uint64_t start = __rdtsc();
      for (size_t i = 0; i < n; ++i) table->Insert(flows[at + i], BackendId(1), 5, kTimeouts);
      inserts.push_back(static_cast<double>(__rdtsc() - start) / static_cast<double>(n));
    }
    const double hit = TicksPerLookup(*table, flows, true);
    const double miss = TicksPerLookup(*table, strangers, false);
    std::printf("%12zu %12.1f %14.1f %14.1f %14.1f\n", flows.size(),
                static_cast<double>(table->memory_bytes()) /
                    static_cast<double>(std::max<uint64_t>(table->occupancy(), 1)),
                hit, miss, Median(std::move(inserts)));
  }
  return 0;
}

}  // namespace
}  // namespace flyover::lb

int main(int argc, char** argv) {
  return flyover::lb::Run(argc > 1 ? static_cast<size_t>(std::atoll(argv[1])) : 10'000'000);
}
