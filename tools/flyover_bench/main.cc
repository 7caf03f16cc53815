// flyover-bench (`flyover bench`): what a packet costs on this machine, in TSC ticks.
#include <rte_cycles.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "common/dpdk/eal.h"
#include "tools/flyover_bench/headline.h"
#include "tools/flyover_bench/html.h"
#include "tools/flyover_bench/report.h"
#include "tools/flyover_bench/self_test.h"

namespace flyover {
namespace {

enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2 };

constexpr char kPathLevel[] = "path: source in memory -> all stages -> sink in memory, one lcore";
constexpr char kKernelLevel[] = "kernels: functions on arrays, batches of 64";

std::atomic<bool> stop{false};

struct Arguments {
  std::vector<std::string> names;
  std::string against;
  std::string html;  // a file; empty: none
  Devices devices;
  bool json = false, no_huge = false, keep_all = false;
  unsigned rounds = 15;
  uint32_t bursts = 2000;
  unsigned milliseconds = 250;
  uint64_t seed = 1;
  std::optional<unsigned> cpu;
  // Over what the loads say.
  std::optional<uint32_t> flows, routes;
  std::optional<unsigned> next_hops, services, backends;
  std::optional<uint16_t> frame;
  std::optional<double> new_flows;
  bool imix = false, zipf = false;
};

class Bench {
 public:
  int Main(int argc, char** argv);

 private:
  void Define();
  int List() const;
  int Fail(const Status& status) const {
    std::cerr << "flyover bench: " << status.message() << "\n";
    return status.code() == StatusCode::kInvalidArgument || status.code() == StatusCode::kNotFound
               ? kUsage
               : kFailed;
  }
  Result<std::vector<Load>> ChosenLoads(const std::vector<std::string>& otherwise) const;
  Status CheckKernelNames() const;
  Status Start();
  Status RunPath(const std::vector<Load>& loads);
  Status RunDevice(const std::vector<Load>& loads);
  Status RunKernels();
  Status Run(const std::vector<std::unique_ptr<Subject>>& subjects, const std::string& level,
             const std::string& unit);
  int Count(const std::vector<Load>& loads) const;
  Result<nlohmann::json> StagesOf(const std::vector<Load>& loads) const;
  int Latencies(const std::vector<Load>& loads) const;
  int Stages(const std::vector<Load>& loads) const;
  int Print(bool headline) const;

  CLI::App app_{
      "flyover bench: what a packet costs on this machine, in TSC ticks.\n"
      "Three levels, never mixed: kernels (functions on arrays), path (memory -> the lcore's loop "
      "->\n"
      "memory), device (DPDK devices: the level to compare with other programs).\n"
      "Exit codes: 0 measured, 1 failed, 2 usage."};
  CLI::App *list_ = nullptr, *quick_ = nullptr, *path_ = nullptr, *device_ = nullptr,
           *kernels_ = nullptr, *self_test_ = nullptr, *count_ = nullptr, *stages_ = nullptr,
           *memory_ = nullptr, *latency_ = nullptr;
  Arguments arguments_;
  Context context_;
  std::vector<LevelReport> levels_;
  nlohmann::json stages_shown_;  // in the HTML page
};

void Bench::Define() {
  app_.require_subcommand(0, 1);
  app_.fallthrough();
  quick_ = app_.add_subcommand("quick", "the headline table, in less than three minutes (default)");
  app_.add_flag_callback(
      "--quick", [] {}, "the same as `quick`");
  list_ = app_.add_subcommand("list", "the named loads and kernels");
  path_ = app_.add_subcommand("path", "loads through the loop, from memory to memory");
  device_ = app_.add_subcommand("device", "loads through DPDK devices");
  kernels_ = app_.add_subcommand("kernels", "tables and functions on arrays");
  self_test_ = app_.add_subcommand("self-test", "plant faults and see that they are found");
  count_ = app_.add_subcommand("count", "for the instruction gate: run under callgrind");
  stages_ = app_.add_subcommand("stages", "path loads: ticks of each stage, sampled");
  latency_ = app_.add_subcommand("latency", "path loads: no-drop rate, and residence below it");
  memory_ = app_.add_subcommand("memory", "what a data plane with full tables takes");
  for (CLI::App* const level : {path_, device_, kernels_, count_, stages_, latency_}) {
    level->add_option("name", arguments_.names, "see `flyover bench list`");
  }
  device_->add_option("--against", arguments_.against, "interleave with another program: testpmd")
      ->check(CLI::IsMember({"testpmd"}));
  device_->add_option("--in", arguments_.devices.in, "receiving device; default: a pcap device");
  device_->add_option("--out", arguments_.devices.out, "transmitting device; default: null");
  app_.add_option("--rounds", arguments_.rounds, "interleaved rounds")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1000u));
  app_.add_option("--bursts", arguments_.bursts, "path: bursts of 64 packets a sample")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1'000'000u));
  app_.add_option("--milliseconds", arguments_.milliseconds, "device: length of a sample")
      ->capture_default_str()
      ->check(CLI::Range(10u, 10'000u));
  app_.add_option("--seed", arguments_.seed, "of routes, addresses and ports")
      ->capture_default_str();
  app_.add_option("--cpu", arguments_.cpu, "where the lcore runs; default: the last one allowed");
  app_.add_option("--flows", arguments_.flows, "distinct flows")->check(CLI::Range(64u, 1u << 24));
  app_.add_option("--routes", arguments_.routes, "routes")->check(CLI::Range(1u, 1'000'000u));
  app_.add_option("--next-hops", arguments_.next_hops, "of each route")->check(CLI::Range(1u, 64u));
  app_.add_option("--services", arguments_.services, "services")->check(CLI::Range(0u, 1000u));
  app_.add_option("--backends", arguments_.backends, "of each service")->check(CLI::Range(1u, 32u));
  app_.add_option("--frame", arguments_.frame, "bytes of a frame, without FCS");
  app_.add_option("--new-flows", arguments_.new_flows, "share of packets that open a flow")
      ->check(CLI::Range(0.0, 1.0));
  app_.add_flag("--imix", arguments_.imix, "7:4:1 of the smallest, 570 and 1514 bytes");
  app_.add_flag("--zipf", arguments_.zipf, "few flows send most packets");
  app_.add_flag("--json", arguments_.json, "JSON with every sample");
  app_.add_option("--html", arguments_.html, "also write the run as a page with plots")
      ->type_name("FILE");
  app_.add_flag("--no-huge", arguments_.no_huge, "use small pages");
  app_.add_flag("--keep-disturbed", arguments_.keep_all,
                "use rounds in which the machine was disturbed");
}

int Bench::List() const {
  std::cout << "loads (path, device):\n";
  for (const Load& load : Loads())
    std::printf("  %-20s %s\n", load.name.c_str(), load.what.c_str());
  std::printf("\nkernels:\n ");
  for (const std::string& name : KernelNames()) std::printf(" %s", name.c_str());
  std::printf("\n");
  return kOk;
}

Result<std::vector<Load>> Bench::ChosenLoads(const std::vector<std::string>& otherwise) const {
  std::vector<Load> loads;
  for (const std::string& name : arguments_.names.empty() ? otherwise : arguments_.names) {
    const Load* const found = FindLoad(name);
    if (found == nullptr) {
      return Status(StatusCode::kInvalidArgument,
                    "no load '" + name + "'; accepted: what `flyover bench list` shows");
    }
    Load load = *found;
    const Arguments& a = arguments_;
    load.flows = a.flows.value_or(load.flows);
    load.routes = a.routes.value_or(load.routes);
    load.next_hops = a.next_hops.value_or(load.next_hops);
    load.services = a.services.value_or(load.services);
    load.backends = a.backends.value_or(load.backends);
    load.frame = a.frame.value_or(load.frame);
    load.new_flows = a.new_flows.value_or(load.new_flows);
    load.imix = load.imix || a.imix;
    if (a.zipf) load.choice = FlowChoice::kZipf;
    if (Status status = CheckLoad(load); !status.ok()) return status;
    loads.push_back(load);
  }
  return loads;
}

Status Bench::CheckKernelNames() const {
  const std::vector<std::string> known = KernelNames();
  for (const std::string& name : arguments_.names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return Status(StatusCode::kInvalidArgument,
                  "no kernel '" + name + "'; accepted: what `flyover bench list` shows");
  }
  return Status::Ok();
}

Status Bench::Start() {
  const std::vector<unsigned> allowed = AllowedCpus();
  context_.cpu = arguments_.cpu.value_or(allowed.back());
  context_.seed = arguments_.seed;
  if (std::find(allowed.begin(), allowed.end(), context_.cpu) == allowed.end()) {
    return Status(
        StatusCode::kInvalidArgument,
        "CPU " + std::to_string(context_.cpu) + " is not there, or not allowed to this process");
  }
  EalOptions eal;
  eal.file_prefix = "flyover-bench-" + std::to_string(getpid());
  eal.lcore_cpus = {context_.cpu};
  eal.main_on_lcore = true;
  eal.memory_mib = arguments_.no_huge ? 256 : 512;
  if (arguments_.no_huge) eal.hugepages = HugepageUse::kOff;
  const auto report = StartEal(eal);
  if (!report.ok()) return report.status();
  context_.hugepages = report->hugepages;
  if (!report->warning.empty() && !arguments_.no_huge) {
    std::cerr << "warning: without hugepages: " << report->warning << "\n";
  }
  struct sigaction action {};
  action.sa_handler = [](int) { stop = true; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return Status::Ok();
}

Status Bench::Run(const std::vector<std::unique_ptr<Subject>>& subjects, const std::string& level,
                  const std::string& unit) {
  SeriesOptions options;
  options.rounds = arguments_.rounds;
  options.cpu = context_.cpu;
  options.reject = !arguments_.keep_all;
  options.stop = &stop;
  const bool terminal = isatty(2) != 0;
  if (terminal) {
    options.progress = [](const std::string& text) {
      std::fprintf(stderr, "\r%-70s\r", text.c_str());
    };
  }
  auto report = RunSeries(subjects, options);
  if (terminal) std::fprintf(stderr, "\r%-70s\r", "");
  if (!report.ok()) return report.status();
  levels_.push_back({level, unit, std::move(*report)});
  return Status::Ok();
}

Status Bench::RunPath(const std::vector<Load>& loads) {
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const Load& load : loads) {
    if (stop) break;
    std::cerr << "building " << load.name << " ...\n";
    auto subject = MakePathSubject(load, arguments_.seed, arguments_.bursts);
    if (!subject.ok()) return subject.status();
    subjects.push_back(std::move(*subject));
  }
  return Run(subjects, kPathLevel, "packet");
}

Status Bench::RunDevice(const std::vector<Load>& loads) {
  std::vector<std::unique_ptr<Subject>> subjects;
  context_.devices =
      (arguments_.devices.in.empty() ? "net_pcap infinite_rx" : arguments_.devices.in) + " -> " +
      (arguments_.devices.out.empty() ? "net_null" : arguments_.devices.out);
  if (!arguments_.against.empty()) {
    auto peer = MakeTestpmdSubject(loads.front(), context_.cpu, context_.hugepages, arguments_.seed,
                                   arguments_.milliseconds);
    if (!peer.ok()) return peer.status();
    subjects.push_back(std::move(*peer));
  }
  for (const Load& load : loads) {
    if (stop) break;
    auto subject =
        MakeDeviceSubject(load, arguments_.devices, arguments_.seed, arguments_.milliseconds);
    if (!subject.ok()) return subject.status();
    subjects.push_back(std::move(*subject));
  }
  return Run(subjects, "device: " + context_.devices + ", drivers and loop", "packet");
}

Status Bench::RunKernels() {
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const std::string& name : arguments_.names.empty() ? KernelNames() : arguments_.names) {
    auto subject = MakeKernelSubject(name, arguments_.seed);
    if (!subject.ok()) return subject.status();
    subjects.push_back(std::move(*subject));
  }
  return Run(subjects, kKernelLevel, "operation");
}

int Bench::Count(const std::vector<Load>& loads) const {
  for (const Load& load : loads) {
    const Status status = CountInstructions(load, arguments_.seed, arguments_.bursts);
    if (!status.ok()) return Fail(status);
  }
  return kOk;
}

// [{load, ticks, stages: [{stage, ticks, packets}]}]
Result<nlohmann::json> Bench::StagesOf(const std::vector<Load>& loads) const {
  nlohmann::json all = nlohmann::json::array();
  for (const Load& load : loads) {
    if (stop) break;
    const auto costs = MeasureStages(load, arguments_.seed, arguments_.bursts * 10);
    if (!costs.ok()) return costs.status();
    nlohmann::json rows = nlohmann::json::array();
    double sum = 0;
    for (const StageCost& cost : *costs) {
      sum += cost.cycles;
      rows.push_back({{"stage", cost.name}, {"ticks", cost.cycles}, {"packets", cost.packets}});
    }
    all.push_back({{"load", load.name}, {"stages", rows}, {"ticks", sum}});
  }
  return all;
}

int Bench::Stages(const std::vector<Load>& loads) const {
  const auto all = StagesOf(loads);
  if (!all.ok()) return Fail(all.status());
  if (arguments_.json) {
    std::cout << all->dump(2) << "\n";
    return kOk;
  }
  for (const nlohmann::json& load : *all) {
    std::printf("%s\n  %-20s %13s %10s\n", load["load"].get<std::string>().c_str(), "stage",
                "ticks/packet", "packets");
    for (const nlohmann::json& stage : load["stages"]) {
      std::printf("  %-20s %13.1f %10lu\n", stage["stage"].get<std::string>().c_str(),
                  stage["ticks"].get<double>(), stage["packets"].get<uint64_t>());
    }
    std::printf("  %-20s %13.1f\n", "all", load["ticks"].get<double>());
  }
  return kOk;
}

int Bench::Latencies(const std::vector<Load>& loads) const {
  const double per_us = static_cast<double>(rte_get_tsc_hz()) / 1e6;
  nlohmann::json all = nlohmann::json::array();
  for (const Load& load : loads) {
    if (stop) break;
    const Disturbance disturbance(context_.cpu);
    const auto report = MeasureLatency(load, arguments_.seed, arguments_.bursts * 5);
    if (!report.ok()) return Fail(report.status());
    const std::string disturbed = disturbance.Verdict();
    nlohmann::json rows = nlohmann::json::array();
    if (!arguments_.json) {
      std::printf("%s: %.2f M/s without loss%s\n  %6s %8s %8s %8s %8s %8s us\n", load.name.c_str(),
                  per_us / report->interval,
                  disturbed.empty() ? "" : (" (DISTURBED: " + disturbed + ")").c_str(), "rate",
                  "p50", "p99", "p99.9", "p99.99", "max");
    }
    for (const LatencyReport::Point& point : report->points) {
      const Histogram& h = point.latency.residence;
      const auto us = [&](double share) { return static_cast<double>(h.Quantile(share)) / per_us; };
      rows.push_back({{"share", point.share},
                      {"p50_us", us(0.5)},
                      {"p99_us", us(0.99)},
                      {"p999_us", us(0.999)},
                      {"p9999_us", us(0.9999)},
                      {"max_us", us(1)},
                      {"packets", h.total()},
                      {"lost", point.latency.lost}});
      if (arguments_.json) continue;
      std::printf("  %5.0f%% %8.2f %8.2f %8.2f %8.2f %8.2f", point.share * 100, us(0.5), us(0.99),
                  us(0.999), us(0.9999), us(1));
      if (point.latency.lost > 0) std::printf("  %lu lost", point.latency.lost);
      std::printf("\n");
    }
    all.push_back({{"load", load.name},
                   {"no_drop_per_second", per_us * 1e6 / report->interval},
                   {"disturbed", disturbed},
                   {"points", rows}});
  }
  if (arguments_.json) std::cout << all.dump(2) << "\n";
  return kOk;
}

int Bench::Print(bool headline) const {
  const auto figures = HeadlineOf(levels_, context_.seed, static_cast<double>(rte_get_tsc_hz()));
  nlohmann::json out = ToJson(levels_, context_);
  if (headline) out["headline"] = HeadlineJson(figures);
  if (arguments_.json) {
    std::cout << out.dump(2) << "\n";
  } else {
    std::cout << ToText(levels_, context_);
    if (headline) std::cout << "\n" << HeadlineText(figures);
  }
  if (!arguments_.html.empty()) {
    if (!stages_shown_.is_null()) out["stages"] = stages_shown_;
    std::ofstream file(arguments_.html);
    file << ToHtml(out);
    file.close();
    if (!file) {
      return Fail(Status(StatusCode::kUnavailable, "cannot write " + arguments_.html));
    }
  }
  for (const LevelReport& level : levels_) {
    if (!level.measured.series.empty() && level.measured.series.front().ticks.empty())
      return kFailed;
  }
  return kOk;
}

int Bench::Main(int argc, char** argv) {
  Define();
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_.exit(error) == 0 ? kOk : kUsage;
  }
  if (list_->parsed()) return List();
  const bool quick = app_.get_subcommands().empty() || quick_->parsed();
  // What cannot be is said before anything starts.
  const auto loads =
      ChosenLoads(quick ? std::vector<std::string>{"router-64", "router-full-table", "router-230k",
                                                   "router6-64", "router6-full-table", "lb-ipip-4k",
                                                   "lb-ipip-kept-4k", "lb-ipip-1m",
                                                   "lb-ipip-kept-1m", "lb-new-flows"}
                        : std::vector<std::string>{"router-64", "router6-64", "lb-ipip-4k"});
  if (kernels_->parsed()) {
    if (Status status = CheckKernelNames(); !status.ok()) return Fail(status);
  } else if (!loads.ok()) {
    return Fail(loads.status());
  }
  if (Status status = Start(); !status.ok()) return Fail(status);
  if (self_test_->parsed()) return RunSelfTest() ? kOk : kFailed;
  if (count_->parsed()) return Count(loads.value());
  if (stages_->parsed()) return Stages(loads.value());
  if (latency_->parsed()) return Latencies(loads.value());
  if (memory_->parsed()) {
    const Status measured = MeasureMemory(arguments_.seed);
    return measured.ok() ? kOk : Fail(measured);
  }
  Status status = Status::Ok();
  if (kernels_->parsed()) status = RunKernels();
  if (path_->parsed() || quick) status = RunPath(loads.value());
  if (quick && status.ok() && !stop) {
    if (access("/usr/bin/dpdk-testpmd", X_OK) == 0) arguments_.against = "testpmd";
    status = RunDevice({*FindLoad("router-64"), *FindLoad("router6-64"), *FindLoad("lb-ipip-4k")});
  }
  if (device_->parsed()) status = RunDevice(loads.value());
  if (!status.ok()) {
    if (!levels_.empty()) (void)Print(quick);
    return Fail(status);
  }
  if (!arguments_.html.empty() && !kernels_->parsed() && !stop) {
    auto stages = quick ? StagesOf({*FindLoad("router-64"), *FindLoad("router6-64"),
                                    *FindLoad("lb-ipip-4k"), *FindLoad("lb-ipip-kept-4k")})
                        : StagesOf(loads.value());
    if (!stages.ok()) return Fail(stages.status());
    stages_shown_ = std::move(*stages);
  }
  const int code = Print(quick);
  StopEal();
  return code;
}

}  // namespace
}  // namespace flyover

int main(int argc, char** argv) { return flyover::Bench().Main(argc, argv); }
