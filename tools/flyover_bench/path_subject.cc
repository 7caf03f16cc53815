#include <rte_cycles.h>
#include <rte_lcore.h>
#include <valgrind/callgrind.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "common/base/thread_cpus.h"
#include "tools/flyover_bench/machine.h"
#include "tools/flyover_bench/path_feed.h"
#include "tools/flyover_bench/subject.h"
#include "tools/flyover_bench/testbed.h"

namespace flyover {
namespace {

constexpr uint32_t kMbufs = 2047;  // beside those in use, what ICMP errors would need

// A testbed, and a feed for each of its lcores.
class PathSubject : public Subject {
 public:
  PathSubject(const Load& load, uint32_t bursts, Fault fault)
      : load_(load), bursts_(bursts), fault_(fault) {}
  ~PathSubject() override { StopChurn(); }

  Status Build(uint64_t seed, unsigned lcores = 1) {
    for (auto* device : {&in_, &out_}) {
      auto made = RingDevice::Make(lcores);
      if (!made.ok()) return made.status();
      *device = std::move(*made);
    }
    auto bed = Testbed::Create(load_, in_.name, out_.name, kMbufs * lcores, seed, lcores);
    if (!bed.ok()) return bed.status();
    bed_ = std::move(*bed);
    for (unsigned l = 0; l < lcores; ++l) {
      feeds_.push_back(std::make_unique<PathFeed>(load_, fault_, *bed_, l, in_, out_));
      if (Status status = feeds_[l]->Build(seed + 1 + l); !status.ok()) return status;
    }
    return Status::Ok();
  }

  std::string name() const override { return load_.name; }
  Lcore& lcore() { return bed_->lcore(); }
  PathFeed& feed(unsigned lcore = 0) { return *feeds_[lcore]; }

  Status Warm() {
    for (const auto& feed : feeds_) {
      if (Status status = feed->Warm(); !status.ok()) return status;
    }
    return Status::Ok();
  }

  Result<Sample> Measure() override {
    if (Status status = feed().Warm(); !status.ok()) return status;
    if (bed_->churn() != nullptr) {
      if (Status status = bed_->churn()->Start(); !status.ok()) return status;
    }
    uint64_t ticks = 0;
    for (uint32_t b = 0; b < bursts_; ++b) {
      const auto one = feed().OneBurst();
      if (!one.ok()) return one.status();
      ticks += *one;
    }
    StopChurn();
    const uint64_t packets = uint64_t{bursts_} * kMaxBurst;
    return Sample{static_cast<double>(ticks) / static_cast<double>(packets), packets};
  }

  std::string remark() const override {
    return changes_ == 0 ? "" : std::to_string(changes_) + " route changes while it was measured";
  }

 protected:
  const Load load_;
  const uint32_t bursts_;

 private:
  void StopChurn() {
    if (bed_ != nullptr && bed_->churn() != nullptr) changes_ += bed_->churn()->Stop();
  }

  const Fault fault_;
  RingDevice in_, out_;
  std::unique_ptr<Testbed> bed_;
  std::vector<std::unique_ptr<PathFeed>> feeds_;  // by lcore; gone before bed_
  uint64_t changes_ = 0;
};

// Several lcores of one data plane at the same time, each on its CPU: the ticks a packet of all
// together, which are those of one lcore divided by how many times its throughput they have.
class LcoresSubject : public PathSubject {
 public:
  LcoresSubject(const Load& load, uint32_t bursts, std::vector<unsigned> cpus)
      : PathSubject(load, bursts, Fault::kNone), cpus_(std::move(cpus)) {}

  std::string name() const override {
    return load_.name + ", " + std::to_string(cpus_.size()) + " lcores";
  }

  // Each lcore's ticks are counted from when all have begun until it has had its bursts; it goes on
  // until all have, so that none is ever measured alone.
  Result<Sample> Measure() override {
    std::vector<Turn> turns(cpus_.size());
    begun_ = ended_ = 0;
    std::vector<std::thread> others;
    for (unsigned l = 1; l < cpus_.size(); ++l) {
      others.emplace_back([this, l, &turns] {
        RunOn({&cpus_[l], 1});
        rte_thread_register();
        const Disturbance disturbance(cpus_[l]);
        RunOne(l, turns[l]);
        turns[l].disturbed = disturbance.Steal();
        rte_thread_unregister();
      });
    }
    RunOne(0, turns[0]);
    for (std::thread& other : others) other.join();
    double packets_per_tick = 0;
    Sample sample;
    for (const Turn& turn : turns) {
      if (!turn.status.ok()) return turn.status;
      packets_per_tick +=
          static_cast<double>(bursts_) * kMaxBurst / static_cast<double>(turn.ticks);
      sample.packets += uint64_t{bursts_} * kMaxBurst;
      if (!turn.disturbed.empty()) sample.disturbed = "another lcore: " + turn.disturbed;
    }
    sample.ticks = 1 / packets_per_tick;
    return sample;
  }

 private:
  struct Turn {
    uint64_t ticks = 0;
    Status status;
    std::string disturbed;
  };

  void RunOne(unsigned lcore, Turn& turn) {
    turn.status = feed(lcore).Warm();
    ++begun_;
    while (begun_.load() < cpus_.size()) {
    }
    for (uint32_t b = 0; turn.status.ok() && b < bursts_; ++b) {
      const auto one = feed(lcore).OneBurst();
      if (!one.ok()) {
        turn.status = one.status();
      } else {
        turn.ticks += *one;
      }
    }
    ++ended_;
    while (turn.status.ok() && ended_.load() < cpus_.size()) (void)feed(lcore).OneBurst();
  }

  const std::vector<unsigned> cpus_;
  std::atomic<unsigned> begun_{0}, ended_{0};
};

Result<std::unique_ptr<Subject>> Make(const Load& load, uint64_t seed, uint32_t bursts,
                                      Fault fault) {
  auto subject = std::make_unique<PathSubject>(load, bursts, fault);
  if (Status status = subject->Build(seed); !status.ok()) return status;
  if (Status status = subject->Warm(); !status.ok()) return status;
  return std::unique_ptr<Subject>(std::move(subject));
}

}  // namespace

Result<std::unique_ptr<Subject>> MakePathSubject(const Load& load, uint64_t seed, uint32_t bursts) {
  return Make(load, seed, bursts, Fault::kNone);
}

Result<std::unique_ptr<Subject>> MakeLcoresSubject(const Load& load, uint64_t seed, uint32_t bursts,
                                                   const std::vector<unsigned>& cpus) {
  auto subject = std::make_unique<LcoresSubject>(load, bursts, cpus);
  const auto lcores = static_cast<unsigned>(cpus.size());
  if (Status status = subject->Build(seed, lcores); !status.ok()) return status;
  if (Status status = subject->Warm(); !status.ok()) return status;
  return std::unique_ptr<Subject>(std::move(subject));
}

Result<std::unique_ptr<Subject>> MakeFaultySubject(const Load& load, Fault fault) {
  return Make(load, 1, 64, fault);
}

Result<std::vector<StageCost>> MeasureStages(const Load& load, uint64_t seed, uint32_t bursts) {
  PathSubject subject(load, bursts, Fault::kNone);
  if (Status status = subject.Build(seed); !status.ok()) return status;
  if (Status status = subject.Warm(); !status.ok()) return status;
  subject.lcore().EnableStages(true);
  if (const auto sample = subject.Measure(); !sample.ok()) return sample.status();
  const StageClock& clock = subject.lcore().context().stages();
  const double packets = static_cast<double>(clock.of(Stage::kReceive).packets.Get());
  std::vector<StageCost> costs;
  for (size_t s = 0; s < kStageCount; ++s) {
    const StageClock::StageTime& time = clock.of(static_cast<Stage>(s));
    if (time.cycles.Get() == 0) continue;
    costs.push_back(
        {kStageNames[s], static_cast<double>(time.cycles.Get()) / packets, time.packets.Get()});
  }
  return costs;
}

Result<LatencyReport> MeasureLatency(const Load& load, uint64_t seed, uint32_t bursts) {
  PathSubject subject(load, bursts, Fault::kNone);
  if (Status status = subject.Build(seed); !status.ok()) return status;
  if (Status status = subject.Warm(); !status.ok()) return status;
  const auto sample = subject.Measure();
  if (!sample.ok()) return sample.status();
  const uint64_t packets = uint64_t{bursts} * kMaxBurst;
  const ServeBurst serve = [&](unsigned count) { return subject.feed().OneBurst(count); };
  const auto interval = FindNoDropInterval(serve, sample->ticks, packets);
  if (!interval.ok()) return interval.status();
  LatencyReport report{*interval, {}};
  for (const double share : {0.1, 0.5, 0.9}) {
    auto latency = RunSchedule(serve, {.interval = *interval / share, .packets = packets});
    if (!latency.ok()) return latency.status();
    report.points.push_back({share, *latency});
  }
  return report;
}

Status CountInstructions(const Load& load, uint64_t seed, uint32_t bursts) {
  // valgrind starts with collecting off (--collect-atstart=no); PathFeed turns it on and off.
  const auto subject = std::make_unique<PathSubject>(load, bursts, Fault::kNone);
  if (Status status = subject->Build(seed); !status.ok()) return status;
  subject->feed().CountBursts();
  if (Status status = subject->Warm(); !status.ok()) return status;
  CALLGRIND_DUMP_STATS_AT("warming");  // takes what was counted until now out of the way
  const auto sample = subject->Measure();
  if (!sample.ok()) return sample.status();
  // Measure warms with as many bursts again as it says here.
  std::printf("%s %lu\n", load.name.c_str(), sample->packets + 64 * kMaxBurst);
  std::fflush(stdout);
  CALLGRIND_DUMP_STATS_AT(load.name.c_str());
  return Status::Ok();
}

}  // namespace flyover
