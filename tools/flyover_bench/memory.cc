// What a whole data plane takes: full tables of both families, many services, and flows that have
// entries. It needs no quiet machine.
#include <rte_malloc.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "tools/flyover_bench/subject.h"
#include "tools/flyover_bench/traffic.h"

namespace flyover {
namespace {

// A sum over /proc/self/smaps_rollup, KiB.
uint64_t Mapped(std::initializer_list<std::string_view> fields) {
  std::ifstream file("/proc/self/smaps_rollup");
  uint64_t sum = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t value = 0;
    if (!(words >> name >> value)) continue;
    for (const std::string_view field : fields) {
      if (name == field) sum += value;
    }
  }
  return sum;
}

// What DPDK's heaps have given out, bytes.
uint64_t HeapInUse() {
  uint64_t sum = 0;
  for (int socket = 0; socket < 8; ++socket) {
    rte_malloc_socket_stats stats;
    if (rte_malloc_get_socket_stats(socket, &stats) == 0) sum += stats.heap_allocsz_bytes;
  }
  return sum;
}

struct Moment {
  uint64_t resident = 0, hugepages = 0, heap = 0;  // MiB
};
Moment Now() {
  return {Mapped({"Rss:"}) >> 10, Mapped({"Shared_Hugetlb:", "Private_Hugetlb:"}) >> 10,
          HeapInUse() >> 20};
}

void Print(const char* what, const Moment& m) {
  std::printf("%-58s %10lu %10lu %10lu %10lu\n", what, m.resident, m.hugepages, m.heap,
              m.resident + m.hugepages);
}

}  // namespace

Status MeasureMemory(uint64_t seed) {
  std::printf("%-58s %10s %10s %10s %10s\n", "MiB", "resident", "hugepages", "DPDK heap",
              "process");
  Print("DPDK started", Now());
  struct Step {
    const char* what;
    Load load;
  };
  // Each is built anew beside the first moment, and gone before the next: steps show differences.
  Load one;
  one.name = "memory";
  one.routes = 1;
  Load ipv4 = one;
  ipv4.routes = 1'000'000;
  Load both = ipv4;
  both.other_routes = 230'000;
  Load served = both;
  served.services = 10'000;
  served.flows = 1'000'000;
  served.kept = true;
  const Step steps[] = {
      {"one route, 4,096 flows", one},
      {"1M IPv4 routes, 4,096 flows", ipv4},
      {"1M IPv4 and 230k IPv6 routes, 4,096 flows", both},
      {"the same, 10k services and 1M flows with entries", served},
  };
  for (const Step& step : steps) {
    // Long enough to fill the connection table, and no longer: nothing is timed.
    auto subject = MakePathSubject(step.load, seed, 1);
    if (!subject.ok()) return subject.status();
    Print(step.what, Now());
    if (&step == std::end(steps) - 1) {
      std::printf("of these the benchmark's own frames of flows: about %lu MiB\n",
                  step.load.flows * (Traffic::kHeaders + 2ul) >> 20);
    }
  }
  return Status::Ok();
}

}  // namespace flyover
