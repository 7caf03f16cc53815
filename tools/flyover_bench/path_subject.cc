#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ring.h>
#include <valgrind/callgrind.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "tools/flyover_bench/subject.h"
#include "tools/flyover_bench/testbed.h"

namespace flyover {
namespace {

// The clock of a run that counts instructions: it begins here and moves by so much with each burst.
constexpr uint64_t kCountedSeconds = 1000;
constexpr uint64_t kCountedBurstsPerSecond = 300'000;
constexpr uint32_t kMbufs = 2047;  // beside the 64 in use, what ICMP errors would need

// One ring as a device: what is enqueued is received, what is transmitted is dequeued.
struct RingDevice {
  rte_ring* rx = nullptr;
  rte_ring* tx = nullptr;
  std::string name;
};

Result<RingDevice> MakeDevice(const std::string& name) {
  RingDevice device;
  device.name = "net_ring_" + name;
  device.rx =
      rte_ring_create((name + "_rx").c_str(), 256, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  device.tx =
      rte_ring_create((name + "_tx").c_str(), 256, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (device.rx == nullptr || device.tx == nullptr ||
      rte_eth_from_rings(name.c_str(), &device.rx, 1, &device.tx, 1, 0) < 0) {
    return Status(StatusCode::kResourceExhausted, "no memory for a ring device");
  }
  return device;
}

class PathSubject : public Subject {
 public:
  PathSubject(const Load& load, uint32_t bursts, Fault fault)
      : load_(load), bursts_(bursts), fault_(fault) {}
  ~PathSubject() override {
    StopChurn();
    for (rte_mbuf* const m : packets_) rte_pktmbuf_free(m);
  }

  Status Build(uint64_t seed) {
    static unsigned instance = 0;
    for (auto* device : {&in_, &out_}) {
      auto made = MakeDevice("bench" + std::to_string(instance++));
      if (!made.ok()) return made.status();
      *device = std::move(*made);
    }
    auto bed = Testbed::Create(load_, in_.name, out_.name, kMbufs, seed);
    if (!bed.ok()) return bed.status();
    bed_ = std::move(*bed);
    std::vector<IpPrefix> prefixes = bed_->prefixes();
    if (fault_ == Fault::kOneFlow) prefixes = {IpPrefix(AddressIn(prefixes[0], random_), 32)};
    if (bed_->churn() != nullptr) {
      reader_ = std::make_unique<QsbrReader>(bed_->dataplane().qsbr(), 0);
    }
    traffic_ = std::make_unique<Traffic>(load_, prefixes, seed + 1);
    if (Status status = traffic_->CheckSpread(); !status.ok()) return status;
    for (unsigned i = 0; i < kMaxBurst; ++i) {
      rte_mbuf* const m = rte_pktmbuf_alloc(bed_->dataplane().pool());
      if (m == nullptr) return Status(StatusCode::kResourceExhausted, "no packet buffers");
      packets_.push_back(m);
    }
    return Status::Ok();
  }

  std::string name() const override { return load_.name; }
  Lcore& lcore() { return bed_->lcore(); }

  // The first time through all flows (for a service it makes their entries), then a few bursts
  // after another subject had the caches.
  Status Warm() {
    const uint64_t packets = warm_ ? 64 * kMaxBurst : 2 * load_.flows + kMaxBurst;
    for (uint64_t sent = 0; sent < packets; sent += kMaxBurst) {
      const auto one = OneBurst();
      if (!one.ok()) return one.status();
    }
    warm_ = true;
    return Status::Ok();
  }

  // Time becomes what the bursts say, so that the same instructions run each time: by the real
  // clock an instrumented run is a hundred times slower, and sweeps and new seconds come at random.
  void CountBursts() {
    const uint64_t hz = rte_get_tsc_hz();
    now_ = kCountedSeconds * hz;
    step_ = hz / kCountedBurstsPerSecond;
  }

  Result<Sample> Measure() override {
    if (Status status = Warm(); !status.ok()) return status;
    if (bed_->churn() != nullptr) {
      if (Status status = bed_->churn()->Start(); !status.ok()) return status;
    }
    uint64_t ticks = 0;
    for (uint32_t b = 0; b < bursts_; ++b) {
      const auto one = OneBurst();
      if (!one.ok()) return one.status();
      ticks += *one;
    }
    StopChurn();
    const uint64_t packets = uint64_t{bursts_} * kMaxBurst;
    return Sample{static_cast<double>(ticks) / static_cast<double>(packets), packets};
  }

  // One burst in, the loop, the burst out: ticks of the loop.
  Result<uint64_t> OneBurst(unsigned count = kMaxBurst) {
    for (unsigned i = 0; i < count; ++i) {
      rte_mbuf* const m = packets_[i];
      rte_pktmbuf_reset(m);
      const uint16_t length = traffic_->Next(rte_pktmbuf_mtod(m, uint8_t*));
      m->data_len = length;
      m->pkt_len = length;
      if (fault_ == Fault::kErrorPath) rte_pktmbuf_mtod(m, uint8_t*)[14 + 8] = 1;  // TTL
    }
    rte_ring_sp_enqueue_bulk(in_.rx, reinterpret_cast<void**>(packets_.data()), count, nullptr);
    CALLGRIND_TOGGLE_COLLECT;
    const uint64_t start = rte_rdtsc_precise();
    now_ == 0 ? bed_->lcore().RunOnce() : bed_->lcore().RunOnceAt(now_);
    if (reader_ != nullptr) reader_->Quiescent();  // as Lcore::Run would
    const uint64_t end = rte_rdtsc_precise();
    CALLGRIND_TOGGLE_COLLECT;
    now_ += step_;
    unsigned got = rte_ring_sc_dequeue_burst(out_.tx, reinterpret_cast<void**>(packets_.data()),
                                             kMaxBurst, nullptr);
    if (fault_ == Fault::kSinkLoses) rte_pktmbuf_free(packets_[--got]);
    if (got == count) return end - start;
    packets_.resize(got);
    const std::string losses = bed_->Losses();
    return Status(
        StatusCode::kFailedPrecondition,
        load_.name + ": " +
            (losses.empty() ? "the sink received " + std::to_string(got) + " of " +
                                  std::to_string(count) + " packets that were sent"
                            : "packets took another way than the one measured: " + losses));
  }

  std::string remark() const override {
    return changes_ == 0 ? "" : std::to_string(changes_) + " route changes while it was measured";
  }

 private:
  void StopChurn() {
    if (bed_ != nullptr && bed_->churn() != nullptr) changes_ += bed_->churn()->Stop();
  }

  const Load load_;
  const uint32_t bursts_;
  const Fault fault_;
  std::mt19937_64 random_{1};
  RingDevice in_, out_;
  std::unique_ptr<Testbed> bed_;
  std::unique_ptr<Traffic> traffic_;
  std::unique_ptr<QsbrReader> reader_;  // while routes change; gone before bed_
  std::vector<rte_mbuf*> packets_;      // recycled
  uint64_t changes_ = 0;
  bool warm_ = false;
  uint64_t now_ = 0;   // TSC; 0: the real clock
  uint64_t step_ = 0;  // of now_, each burst
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
  const ServeBurst serve = [&](unsigned count) { return subject.OneBurst(count); };
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
  // valgrind starts with collecting off (--collect-atstart=no); OneBurst turns it on and off.
  const auto subject = std::make_unique<PathSubject>(load, bursts, Fault::kNone);
  if (Status status = subject->Build(seed); !status.ok()) return status;
  subject->CountBursts();
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
