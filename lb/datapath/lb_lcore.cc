#include "lb/datapath/lb_lcore.h"

#include <algorithm>

#include "lb/datapath/fragment_table.h"

namespace flyover::lb {
namespace {

constexpr unsigned kSweepBuckets = 8;
constexpr uint64_t kSweepSeconds = 10;
constexpr uint32_t kAnswersPerSecond = 1000;
constexpr uint64_t kWatchSweepsPerSecond = 64;

}  // namespace

LbLcore::LbLcore(LcoreIndex lcore, const HashKey& key, uint64_t tsc_hz,
                 std::unique_ptr<ConnectionTable> table)
    : index(lcore),
      flow_key(key),
      connections(std::move(table)),
      fragments(std::make_unique<FragmentTable>()),
      handshakes(tsc_hz, counters),
      clock(tsc_hz),
      // Far apart, so that two lcores seldom use one id for one backend at one time.
      next_ip_id(static_cast<uint16_t>(lcore.value() * (0x10000 / kMaxLcores))),
      answers(kAnswersPerSecond, kAnswersPerSecond / 10, tsc_hz),
      watch_interval_(std::max<uint64_t>(tsc_hz / kWatchSweepsPerSecond, 1)) {
  const uint64_t buckets = connections->capacity() / ConnectionShard::kWays;
  sweep_interval_ = std::max<uint64_t>(kSweepSeconds * tsc_hz * kSweepBuckets / buckets, 1);
}

LbLcore::~LbLcore() = default;

void LbLcore::Housekeeping(uint64_t now, const ServiceTable* table) {
  if (now >= next_watch_) {
    next_watch_ = now + watch_interval_;
    handshakes.Sweep(now);
  }
  if (now < next_sweep_ || table == nullptr) return;
  next_sweep_ = now + sweep_interval_;
  if (!prefaulted_ && !table->vips.empty()) {
    // Once, when there is something to balance: a page fault costs far more than a packet.
    connections->Prefault();
    prefaulted_ = true;
  }
  connections->Sweep(kSweepBuckets, clock.Tick(now), table->connection_timeouts());
}

Result<std::vector<std::unique_ptr<LbLcore>>> MakeLbLcores(unsigned lcores, uint32_t capacity,
                                                           const HashKey& key, uint64_t tsc_hz) {
  std::vector<std::unique_ptr<LbLcore>> all;
  for (unsigned i = 0; i < lcores; ++i) {
    auto table = ConnectionTable::Create(capacity / lcores);
    if (!table.ok()) return table.status();
    all.push_back(std::make_unique<LbLcore>(LcoreIndex(static_cast<uint8_t>(i)), key, tsc_hz,
                                            std::move(table).value()));
  }
  const auto path_mtus = std::make_shared<PathMtus>();
  for (auto& lcore : all) {
    lcore->path_mtus = path_mtus;
    for (const auto& other : all) {
      if (other == lcore) continue;
      lcore->others.push_back(other->connections.get());
      lcore->other_fragments.push_back(other->fragments.get());
    }
  }
  return all;
}

}  // namespace flyover::lb
