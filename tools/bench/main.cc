// flyover-bench (`flyover bench`): what a packet costs on this machine, in TSC ticks and
// instructions.
#include <rte_cycles.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/dpdk/eal.h"
#include "tools/bench/path_bench.h"
#include "tools/version/version.h"

namespace flyover {
namespace {

enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2 };

std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(": ") + 2);
  }
  return "unknown";
}

void PrintTable(const std::vector<BenchResult>& results, const BenchOptions& options,
                bool hugepages) {
  std::printf(
      "level: path (source in memory -> all stages -> sink in memory), one lcore\n"
      "machine: %s, TSC %.2f GHz, hugepages %s; flyover %s (%s)\n"
      "load: %u flows, %u routes, 60-byte frames, bursts of 64, seed %lu\n\n",
      CpuModel().c_str(), static_cast<double>(rte_get_tsc_hz()) / 1e9, hugepages ? "yes" : "no",
      std::string(Version()).c_str(), std::string(Commit()).c_str(), options.flows, options.routes,
      options.seed);
  std::printf("%-14s %14s %12s %12s %18s %10s\n", "case", "ticks/packet", "least", "most",
              "instructions/pkt", "Mpps/core");
  for (const BenchResult& r : results) {
    const auto [least, most] = std::minmax_element(r.cycles.begin(), r.cycles.end());
    char instructions[32] = "no counter";
    if (r.instructions) std::snprintf(instructions, sizeof(instructions), "%.1f", *r.instructions);
    std::printf("%-14s %14.1f %12.1f %12.1f %18s %10.2f\n", NameOf(r.bench_case).c_str(),
                r.Median(), *least, *most, instructions,
                static_cast<double>(rte_get_tsc_hz()) / r.Median() / 1e6);
  }
}

void PrintJson(const std::vector<BenchResult>& results, const BenchOptions& options,
               bool hugepages) {
  nlohmann::json out = {{"level", "path"},
                        {"cpu", CpuModel()},
                        {"tsc_hz", rte_get_tsc_hz()},
                        {"hugepages", hugepages},
                        {"version", Version()},
                        {"commit", Commit()},
                        {"flows", options.flows},
                        {"routes", options.routes},
                        {"seed", options.seed},
                        {"cases", nlohmann::json::array()}};
  for (const BenchResult& r : results) {
    nlohmann::json row = {{"case", NameOf(r.bench_case)},
                          {"cycles_per_packet_median", r.Median()},
                          {"cycles_per_packet", r.cycles},
                          {"packets", r.packets}};
    if (r.instructions) row["instructions_per_packet"] = *r.instructions;
    out["cases"].push_back(row);
  }
  std::cout << out.dump(2) << "\n";
}

int Main(int argc, char** argv) {
  CLI::App app(
      "flyover bench: packets from memory through the whole path into memory, on one lcore.\n"
      "Only the path is inside the clock. Exit codes: 0 measured, 1 failed, 2 usage.");
  BenchOptions options;
  std::vector<std::string> names;
  bool json = false;
  bool no_huge = false;
  app.add_option("case", names, "ipv4-route, ipv6-route, service-ipip; default: all");
  app.add_option("--flows", options.flows, "distinct flows")
      ->capture_default_str()
      ->check(CLI::Range(64u, 1u << 22));
  app.add_option("--routes", options.routes, "routes of each family")
      ->capture_default_str()
      ->check(CLI::Range(16u, 1'000'000u));
  app.add_option("--repetitions", options.repetitions, "timed repetitions")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1000u));
  app.add_option("--seed", options.seed, "of addresses and ports")->capture_default_str();
  app.add_flag("--no-huge", no_huge, "use small pages (for instrumented runs)");
  app.add_option("--bursts", options.bursts, "of 64 packets, per repetition")
      ->capture_default_str();
  app.add_flag("--json", json, "print JSON with every sample");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  std::vector<BenchCase> cases;
  for (const std::string& name : names) {
    const auto parsed = ParseBenchCase(name);
    if (!parsed) {
      std::cerr << "flyover bench: no case '" << name
                << "'; accepted: ipv4-route, ipv6-route, service-ipip\n";
      return kUsage;
    }
    cases.push_back(*parsed);
  }
  if (cases.empty()) cases.assign(std::begin(kBenchCases), std::end(kBenchCases));
  EalOptions eal;
  eal.file_prefix = "flyover-bench-" + std::to_string(getpid());
  eal.lcore_cpus = {AllowedCpus().back()};
  eal.main_on_lcore = true;
  eal.memory_mib = 128;
  if (no_huge) eal.hugepages = HugepageUse::kOff;
  const auto report = StartEal(eal);
  if (!report.ok()) {
    std::cerr << "flyover bench: " << report.status().message() << "\n";
    return kFailed;
  }
  if (!report->warning.empty())
    std::cerr << "warning: without hugepages: " << report->warning << "\n";
  std::vector<BenchResult> results;
  for (const BenchCase c : cases) {
    std::cerr << "measuring " << NameOf(c) << " ...\n";
    auto result = RunPathBench(c, options);
    if (!result.ok()) {
      std::cerr << "flyover bench: " << result.status().message() << "\n";
      return kFailed;
    }
    results.push_back(std::move(*result));
  }
  if (json) {
    PrintJson(results, options, report->hugepages);
  } else {
    PrintTable(results, options, report->hugepages);
  }
  StopEal();
  return kOk;
}

}  // namespace
}  // namespace flyover

int main(int argc, char** argv) { return flyover::Main(argc, argv); }
