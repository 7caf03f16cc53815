#include "tools/flyover_bench/rfc2544.h"

#include <rte_cycles.h>
#include <rte_lcore.h>

#include <algorithm>
#include <thread>

#include "common/base/thread_cpus.h"
#include "tools/flyover_bench/generator.h"
#include "tools/flyover_bench/machine.h"
#include "tools/flyover_bench/path_feed.h"

namespace flyover {
namespace {

constexpr uint16_t kFcs = 4;
constexpr uint32_t kMbufs = 4095;
constexpr double kLeastRate = 10'000;
constexpr uint64_t kLongestBurst = 1u << 20;
constexpr unsigned kRepeats = 5;
constexpr double kSlower = 0.85;
constexpr double kOverload = 1.1;  // RFC 2544 26.5

// One load under test; runs in the generator's thread.
class Tester {
 public:
  Tester(const Load& load, const Rfc2544Options& options, Testbed& bed, Generator& generator)
      : load_(load), options_(options), bed_(bed), generator_(generator) {}

  Status Run(Rfc2544Report& report) {
    for (const uint16_t frame : options_.frames) {
      Load load = load_;
      load.frame = static_cast<uint16_t>(frame - kFcs);
      if (frame < 64 || !CheckLoad(load).ok()) continue;  // smaller than the headers, or too long
      if (Stopped()) break;
      // A source of its own for each size: it goes on where the one before ended.
      traffic_ = std::make_unique<Traffic>(load, bed_.prefixes(), options_.seed + 1);
      if (Status status = traffic_->CheckSpread(); !status.ok()) return status;
      FrameReport result;
      result.frame = frame;
      if (Status status = Measure(result); !status.ok()) return status;
      if (Stopped()) break;
      report.frames.push_back(std::move(result));
    }
    report.interrupted = Stopped();
    return Status::Ok();
  }

 private:
  bool Stopped() const { return options_.stop != nullptr && options_.stop->load(); }
  void Say(const FrameReport& report, const std::string& what) const {
    if (!options_.progress) return;
    options_.progress(load_.name + ", " + std::to_string(report.frame) + " bytes: " + what);
  }
  uint64_t CountAt(double rate) const {
    return std::max<uint64_t>(static_cast<uint64_t>(rate * options_.trial_milliseconds / 1000), 1);
  }
  // What is lost otherwise than in the receive ring is no question of speed.
  Status CheckWay() const {
    const std::string losses = bed_.Losses();
    if (losses.empty()) return Status::Ok();
    return {StatusCode::kFailedPrecondition,
            load_.name + ": packets took another way than the one measured: " + losses};
  }

  // A run whose generator was too slow is repeated: something else may have had its CPU.
  Result<RunResult> RunAt(double rate, uint64_t count, unsigned attempts = 4 * kRepeats) {
    Result<RunResult> result = Status(StatusCode::kInternal, "no run");
    for (unsigned attempt = 0; attempt < attempts && !Stopped(); ++attempt) {
      result = generator_.Run(*traffic_, rate, count);
      if (result.ok()) break;
    }
    if (!result.ok()) return result.status();
    if (Status status = CheckWay(); !status.ok()) return status;
    return result;
  }

  Status Measure(FrameReport& report) {
    // Flows get to know the tables, and the tables the flows.
    const auto warm = generator_.Burst(*traffic_, 2 * load_.flows + 64);
    if (!warm.ok()) return warm.status();
    const auto fastest = generator_.FastestRate(*traffic_);
    if (!fastest.ok()) return fastest.status();
    report.offered = *fastest;
    // What a burst reaches is more than a schedule can keep, and not the same in every minute.
    Status status;
    do {
      report.offered *= kSlower;
      status = Search(report);
    } while (status.code() == StatusCode::kResourceExhausted && report.offered > kLeastRate);
    if (!status.ok()) return status;
    const double rate = report.no_loss.lower;
    if (rate == 0) {
      return {StatusCode::kFailedPrecondition,
              load_.name + ": packets are lost even at 10,000 a second: the machine is disturbed"};
    }
    if (status = MeasureLatency(report, rate); !status.ok()) return status;
    if (status = MeasureLoss(report); !status.ok()) return status;
    Say(report, "back-to-back");
    const auto burst = FindLongestBurst(
        [&](uint64_t length) -> Result<uint64_t> {
          const auto run = generator_.Burst(*traffic_, length);
          if (!run.ok()) return run.status();
          return run->lost;
        },
        kLongestBurst, kRepeats);
    if (!burst.ok()) return burst.status();
    report.back_to_back = *burst;
    return MeasureRecovery(report, rate);
  }

  Status Search(FrameReport& report) {
    RateSearch search(
        [&](double rate) -> Result<TrialResult> {
          if (Stopped()) return TrialResult{};  // ends the search at once
          Say(report, "throughput, " + std::to_string(static_cast<unsigned>(rate / 1000)) + " k/s");
          const auto run = RunAt(rate, CountAt(rate), kRepeats);
          if (!run.ok()) return run.status();
          return TrialResult{run->sent, run->lost};
        },
        kLeastRate, report.offered);
    for (const auto& [bounds, goal] :
         {std::pair(&report.partial,
                    SearchGoal{.loss_ratio = 0.005, .exceed_ratio = 0.5, .trials = kRepeats}),
          std::pair(&report.no_loss, SearchGoal{.exceed_ratio = 0.5, .trials = kRepeats}),
          std::pair(&report.strict, SearchGoal{})}) {
      const auto found = search.Find(goal);
      if (!found.ok()) return found.status();
      *bounds = *found;
    }
    return Status::Ok();
  }

  Status MeasureLatency(FrameReport& report, double rate) {
    for (const double share : {1.0, 0.5, 0.1}) {
      Say(report, "latency");
      const auto run = RunAt(rate * share, CountAt(rate * share));
      if (!run.ok()) return run.status();
      const Histogram& h = run->latency;
      report.latency.push_back({share, h.Quantile(0.5), h.Quantile(0.99), h.max()});
    }
    return Status::Ok();
  }

  // RFC 2544 26.3: until two trials after each other lose nothing.
  Status MeasureLoss(FrameReport& report) {
    unsigned clean = 0;
    for (int percent = 100; percent >= 10 && clean < 2; percent -= 10) {
      Say(report, "frame loss, " + std::to_string(percent) + " %");
      const double rate = report.offered * percent / 100;
      const auto run = RunAt(rate, CountAt(rate));
      if (!run.ok()) return run.status();
      const double ratio = TrialResult{run->sent, run->lost}.loss_ratio();
      report.loss.push_back({percent / 100.0, ratio});
      clean = ratio == 0 ? clean + 1 : 0;
    }
    return Status::Ok();
  }

  // The median of some: from the fall of the rate until the last packet that was lost.
  Status MeasureRecovery(FrameReport& report, double rate) {
    Say(report, "recovery");
    std::vector<double> times;
    for (unsigned r = 0; r < kRepeats; ++r) {
      const double overload = std::min(kOverload * rate, report.offered);
      // The first run's packets are still in the rings when the second one begins.
      const auto over = generator_.Run(*traffic_, overload, CountAt(overload), /*drain=*/false);
      const uint64_t fallen = rte_rdtsc();
      const auto under = generator_.Run(*traffic_, rate / 2, CountAt(rate / 2));
      if (!over.ok() || !under.ok()) continue;  // the generator was disturbed
      const uint64_t last = std::max(under->last_loss, fallen);
      times.push_back(1e6 * static_cast<double>(last - fallen) /
                      static_cast<double>(rte_get_tsc_hz()));
    }
    if (times.empty()) {
      return {StatusCode::kFailedPrecondition, load_.name + ": the generator is always behind"};
    }
    std::ranges::sort(times);
    report.recovery_us = times[times.size() / 2];
    return CheckWay();
  }

  const Load& load_;
  const Rfc2544Options& options_;
  Testbed& bed_;
  Generator& generator_;
  std::unique_ptr<Traffic> traffic_;
};

}  // namespace

std::vector<uint16_t> Rfc2544Frames() { return {64, 128, 256, 512, 1024, 1280, 1518}; }

Result<Rfc2544Report> RunRfc2544(const Load& load, const Rfc2544Options& options) {
  // A receive ring as NICs have; room for everything on the other side, which is a wire.
  const auto in = RingDevice::Make(1, 1024);
  const auto out = RingDevice::Make(1, 256, 32'768);
  if (!in.ok() || !out.ok()) return (in.ok() ? out : in).status();
  auto bed = Testbed::Create(load, in->name, out->name, kMbufs, options.seed);
  if (!bed.ok()) return bed.status();
  auto generator = Generator::Create(in->rx[0], out->tx[0]);
  if (!generator.ok()) return generator.status();
  Rfc2544Report report;
  Status status;
  Lcore& lcore = (*bed)->lcore();
  // The caller is on the device's CPU already; it becomes the device.
  std::thread thread([&] {
    RunOn({&options.generator_cpu, 1});
    rte_thread_register();
    const Disturbance disturbance(options.device_cpu);
    status = Tester(load, options, **bed, **generator).Run(report);
    report.disturbed = disturbance.Verdict();
    rte_thread_unregister();
    lcore.Stop();
  });
  lcore.Run();
  thread.join();
  if (!status.ok()) return status;
  return report;
}

}  // namespace flyover
