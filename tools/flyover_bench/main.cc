// flyover-bench (`flyover bench`): what a packet costs on this machine, in TSC ticks.
#include <rte_cycles.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "common/dpdk/eal.h"
#include "tools/flyover_bench/arguments.h"
#include "tools/flyover_bench/headline.h"
#include "tools/flyover_bench/html.h"
#include "tools/flyover_bench/peer_subject.h"
#include "tools/flyover_bench/report.h"
#include "tools/flyover_bench/rfc2544_report.h"
#include "tools/flyover_bench/self_test.h"

namespace flyover {
namespace {

enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2 };

constexpr char kPathLevel[] = "path: source in memory -> all stages -> sink in memory, one lcore";
constexpr char kKernelLevel[] = "kernels: functions on arrays, batches of 64";

std::atomic<bool> stop{false};

// In one line of a terminal, which the next one overwrites; "" clears it.
void ShowProgress(const std::string& text) {
  if (isatty(2) != 0) std::fprintf(stderr, "\r%-70s\r", text.c_str());
}

class Bench {
 public:
  int Main(int argc, char** argv);

 private:
  int List() const;
  int Fail(const Status& status) const {
    std::cerr << "flyover bench: " << status.message() << "\n";
    return status.code() == StatusCode::kInvalidArgument || status.code() == StatusCode::kNotFound
               ? kUsage
               : kFailed;
  }
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
  int Rfc2544(const std::vector<Load>& loads) const;
  // The measuring CPU first, then others.
  std::vector<unsigned> LcoreCpus() const;
  int Stages(const std::vector<Load>& loads) const;
  int Print(bool headline) const;

  CLI::App app_{
      "flyover bench: what a packet costs on this machine, in TSC ticks.\n"
      "Three levels, never mixed: kernels (functions on arrays), path (memory -> the lcore's loop "
      "->\n"
      "memory), device (DPDK devices: the level to compare with other programs).\n"
      "Exit codes: 0 measured, 1 failed, 2 usage."};
  Commands commands_;
  Arguments arguments_;
  Context context_;
  const std::vector<unsigned> allowed_ = AllowedCpus();  // before DPDK binds this thread
  bool quick_ = false;
  std::vector<LevelReport> levels_;
  nlohmann::json stages_shown_;  // in the HTML page
};

int Bench::List() const {
  std::cout << "loads (path, device):\n";
  for (const Load& load : Loads())
    std::printf("  %-20s %s\n", load.name.c_str(), load.what.c_str());
  std::printf("\nkernels:\n ");
  for (const std::string& name : KernelNames()) std::printf(" %s", name.c_str());
  std::printf("\n");
  return kOk;
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
  context_.cpu = arguments_.cpu.value_or(allowed_.back());
  context_.seed = arguments_.seed;
  if (std::find(allowed_.begin(), allowed_.end(), context_.cpu) == allowed_.end()) {
    return Status(
        StatusCode::kInvalidArgument,
        "CPU " + std::to_string(context_.cpu) + " is not there, or not allowed to this process");
  }
  const size_t needed = commands_.rfc2544->parsed() ? 2 : arguments_.lcores;
  if (allowed_.size() < needed) {
    return Status(StatusCode::kInvalidArgument,
                  std::to_string(needed) + " CPUs are needed, one for each lcore" +
                      (commands_.rfc2544->parsed() ? " and one for the generator" : "") + "; " +
                      std::to_string(allowed_.size()) + " are allowed to this process");
  }
  // Threads and other programs that are measured inherit it.
  setpriority(PRIO_PROCESS, 0, -20);
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
  options.progress = ShowProgress;
  auto report = RunSeries(subjects, options);
  ShowProgress("");
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
    // The headline has two loads of them: each has a data plane of its own.
    const bool in_quick = load.name == "router-64" || load.name == "lb-ipip-4k";
    if (arguments_.lcores == 1 || (quick_ && !in_quick)) continue;
    auto several = MakeLcoresSubject(load, arguments_.seed, arguments_.bursts, LcoreCpus());
    if (!several.ok()) return several.status();
    subjects.push_back(std::move(*several));
  }
  return Run(subjects, kPathLevel, "packet");
}

Status Bench::RunDevice(const std::vector<Load>& loads) {
  std::vector<std::unique_ptr<Subject>> subjects;
  context_.devices =
      (arguments_.devices.in.empty() ? "net_pcap infinite_rx" : arguments_.devices.in) + " -> " +
      (arguments_.devices.out.empty() ? "net_null" : arguments_.devices.out);
  for (const std::string& name : arguments_.against) {
    const PeerOptions options{loads.front(), context_.cpu, context_.hugepages, arguments_.seed,
                              arguments_.milliseconds};
    auto peer = name == "testpmd" ? MakeTestpmdSubject(options) : MakeL3fwdSubject(options);
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

std::vector<unsigned> Bench::LcoreCpus() const {
  std::vector<unsigned> cpus = {context_.cpu};
  for (const unsigned cpu : allowed_) {
    if (cpu != context_.cpu && cpus.size() < arguments_.lcores) cpus.push_back(cpu);
  }
  return cpus;
}

int Bench::Rfc2544(const std::vector<Load>& loads) const {
  Rfc2544Options options;
  options.device_cpu = context_.cpu;
  options.generator_cpu = allowed_.front() != context_.cpu ? allowed_.front() : allowed_.back();
  options.seed = arguments_.seed;
  options.trial_milliseconds = arguments_.trial_milliseconds;
  options.frames = arguments_.frames.empty() ? Rfc2544Frames() : arguments_.frames;
  options.stop = &stop;
  options.progress = ShowProgress;
  const auto tsc_hz = static_cast<double>(rte_get_tsc_hz());
  nlohmann::json all = nlohmann::json::array();
  if (!arguments_.json) {
    std::printf(
        "device: rings, the loop of one lcore on CPU %u, generator on CPU %u; trials of %u ms\n",
        options.device_cpu, options.generator_cpu, options.trial_milliseconds);
  }
  for (const Load& load : loads) {
    if (stop) break;
    const auto report = RunRfc2544(load, options);
    ShowProgress("");
    if (!report.ok()) return Fail(report.status());
    if (arguments_.json) {
      all.push_back(ToJson(load.name, *report, tsc_hz));
    } else {
      std::cout << ToText(load.name, *report, tsc_hz) << std::flush;
    }
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
  DefineArguments(app_, commands_, arguments_);
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_.exit(error) == 0 ? kOk : kUsage;
  }
  if (commands_.list->parsed()) return List();
  quick_ = app_.get_subcommands().empty() || commands_.quick->parsed();
  if (quick_ && allowed_.size() > 1) arguments_.lcores = 2;
  // What cannot be is said before anything starts.
  const auto loads = ChosenLoads(
      arguments_, quick_ ? std::vector<std::string>{"router-64", "router-full-table", "router-230k",
                                                    "router6-64", "router6-full-table",
                                                    "lb-ipip-4k", "lb-ipip-kept-4k", "lb-ipip-1m",
                                                    "lb-ipip-kept-1m", "lb-new-flows"}
                         : std::vector<std::string>{"router-64", "router6-64", "lb-ipip-4k"});
  if (commands_.kernels->parsed()) {
    if (Status status = CheckKernelNames(); !status.ok()) return Fail(status);
  } else if (!loads.ok()) {
    return Fail(loads.status());
  }
  if (Status status = Start(); !status.ok()) return Fail(status);
  if (commands_.self_test->parsed()) return RunSelfTest() ? kOk : kFailed;
  if (commands_.count->parsed()) return Count(loads.value());
  if (commands_.stages->parsed()) return Stages(loads.value());
  if (commands_.latency->parsed()) return Latencies(loads.value());
  if (commands_.rfc2544->parsed()) return Rfc2544(loads.value());
  if (commands_.memory->parsed()) {
    const Status measured = MeasureMemory(arguments_.seed);
    return measured.ok() ? kOk : Fail(measured);
  }
  Status status = Status::Ok();
  if (commands_.kernels->parsed()) status = RunKernels();
  if (commands_.path->parsed() || quick_) status = RunPath(loads.value());
  if (quick_ && status.ok() && !stop) {
    if (access("/usr/bin/dpdk-testpmd", X_OK) == 0) arguments_.against = {"testpmd"};
    status = RunDevice({*FindLoad("router-64"), *FindLoad("router6-64"), *FindLoad("lb-ipip-4k")});
  }
  if (commands_.device->parsed()) status = RunDevice(loads.value());
  if (!status.ok()) {
    if (!levels_.empty()) (void)Print(quick_);
    return Fail(status);
  }
  if (!arguments_.html.empty() && !commands_.kernels->parsed() && !stop) {
    auto stages = quick_ ? StagesOf({*FindLoad("router-64"), *FindLoad("router6-64"),
                                     *FindLoad("lb-ipip-4k"), *FindLoad("lb-ipip-kept-4k")})
                         : StagesOf(loads.value());
    if (!stages.ok()) return Fail(stages.status());
    stages_shown_ = std::move(*stages);
  }
  const int code = Print(quick_);
  StopEal();
  return code;
}

}  // namespace
}  // namespace flyover

int main(int argc, char** argv) { return flyover::Bench().Main(argc, argv); }
