#include "tools/flyover_bench/machine.h"

#include <rte_cycles.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <random>
#include <sstream>
#include <vector>

namespace flyover {
namespace {

constexpr double kMostSteal = 0.01;  // of the sample's time
constexpr double kMostDrift = 0.05;
// The kernel's tick takes the core for microseconds; a process that runs there, for milliseconds.
constexpr double kMostPreemptionsPerSecond = 50;

double Arithmetic() {
  constexpr uint64_t kSteps = 100'000;
  uint64_t x = 1;
  const uint64_t start = rte_rdtsc_precise();
  for (uint64_t i = 0; i < kSteps; ++i) {
    x += x << 3 ^ i;
    __asm__ volatile("" : "+r"(x));
  }
  return static_cast<double>(rte_rdtsc_precise() - start) / kSteps;
}

double Chase() {
  constexpr size_t kLines = 256 * 1024 / 64;
  struct alignas(64) Line {
    uint32_t next;
  };
  static const std::vector<Line> lines = [] {
    std::vector<uint32_t> order(kLines);
    std::iota(order.begin(), order.end(), 0u);
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
    std::vector<Line> out(kLines);
    for (size_t i = 0; i < kLines; ++i) out[order[i]].next = order[(i + 1) % kLines];
    return out;
  }();
  uint32_t at = 0;
  const uint64_t start = rte_rdtsc_precise();
  for (size_t i = 0; i < 4 * kLines; ++i) {
    at = lines[at].next;
    __asm__ volatile("" : "+r"(at));
  }
  return static_cast<double>(rte_rdtsc_precise() - start) / (4.0 * kLines);
}

// Clock ticks (1/100 s) that the hypervisor took from this CPU.
uint64_t StolenTicks(unsigned cpu) {
  std::ifstream file("/proc/stat");
  const std::string wanted = "cpu" + std::to_string(cpu);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t value = 0;
    words >> name;
    if (name != wanted) continue;
    for (int column = 0; column < 8; ++column) words >> value;
    return value;
  }
  return 0;
}

int64_t Preempted() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

std::string Moved(const char* what, double before, double after) {
  char text[96];
  std::snprintf(text, sizeof(text), "the machine's speed moved: %s loop %.2f -> %.2f ticks", what,
                before, after);
  return text;
}

}  // namespace

std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(": ") + 2);
  }
  return "unknown";
}

std::string KernelRelease() {
  utsname name{};
  return uname(&name) == 0 ? name.release : "unknown";
}

Calibration Calibrate() {
  Calibration least{1e9, 1e9};
  for (int i = 0; i < 5; ++i) {
    least.arithmetic = std::min(least.arithmetic, Arithmetic());
    least.chase = std::min(least.chase, Chase());
  }
  return least;
}

Disturbance::Disturbance(unsigned cpu)
    : cpu_(cpu),
      before_(Calibrate()),
      steal_(StolenTicks(cpu)),
      preempted_(Preempted()),
      start_(rte_rdtsc()) {}

double Disturbance::Seconds() const {
  return static_cast<double>(rte_rdtsc() - start_) / static_cast<double>(rte_get_tsc_hz());
}

std::string Disturbance::Steal() const {
  const double steal = static_cast<double>(StolenTicks(cpu_) - steal_) / 100.0;
  // One tick of the clock is the least that can be seen, whatever the time.
  if (steal <= std::max(kMostSteal * Seconds(), 0.0101)) return "";
  return "the hypervisor took " + std::to_string(static_cast<int>(1000 * steal)) + " ms";
}

std::string Disturbance::Verdict() const {
  const double seconds = Seconds();
  if (std::string steal = Steal(); !steal.empty()) return steal;
  const int64_t preempted = Preempted() - preempted_;
  if (static_cast<double>(preempted) > kMostPreemptionsPerSecond * seconds) {
    return "other processes took the core " + std::to_string(preempted) + " times";
  }
  const Calibration after = Calibrate();
  if (std::abs(after.arithmetic / before_.arithmetic - 1) > kMostDrift) {
    return Moved("arithmetic", before_.arithmetic, after.arithmetic);
  }
  if (std::abs(after.chase / before_.chase - 1) > kMostDrift) {
    return Moved("memory", before_.chase, after.chase);
  }
  return "";
}

}  // namespace flyover
