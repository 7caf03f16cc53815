// One forwarding lcore: its queues, its rings, its tables' readers, and the loop that drives a
// Path.
//
// Threads: constructed and configured by the control thread; Run on the lcore; from then on the
// control thread only calls the members under "control thread" and reads counters, which are
// monotonic and relaxed.
#pragma once

#include <rte_cycles.h>
#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/datapath/ledger_snapshot.h"
#include "common/datapath/relaxed_counter.h"
#include "common/datapath/residence.h"
#include "common/datapath/stage_context.h"
#include "common/rcu/qsbr_domain.h"
#include "lb/datapath/lb_lcore.h"
#include "router/datapath/router_lcore.h"
#include "tools/flyoverd/path/idle_wait.h"
#include "tools/flyoverd/path/path.h"
#include "tools/flyoverd/path/tx_buffers.h"

namespace flyover {

struct LcoreStats {
  RelaxedCounter busy_cycles;  // loops that moved at least one packet
  RelaxedCounter idle_cycles;  // all other loops, sleep included
  RelaxedCounter packets;      // taken from devices and rings
  RelaxedCounter bursts;
  RelaxedCounter loop_max_cycles;  // longest busy loop
  Residence residence;             // of what busy loops took in, in TSC ticks
  RelaxedCounter sleeps;
};

class Lcore {
 public:
  struct RxQueue {
    PortIndex port;
    uint16_t dpdk_port;
    uint16_t queue;
    // The device has fewer queues than there are lcores: frames are spread over all of them by flow
    // hash.
    bool spread;
  };
  struct Options {
    StageContext::Options stage;
    QsbrDomain* qsbr = nullptr;
    const Published<lb::ServiceTable>* services = nullptr;
    uint16_t burst = kMaxBurst;
    bool adaptive_idle = false;
    HashKey spread_key;
    unsigned lcore_count = 1;
  };
  Lcore(const Options& options, std::unique_ptr<lb::LbLcore> lb);
  Lcore(const Lcore&) = delete;
  Lcore& operator=(const Lcore&) = delete;

  // Before Run.
  router::RouterLcore& router() { return router_; }
  const lb::LbLcore& lb() const { return *lb_; }
  TxBuffers& tx() { return tx_; }
  void AddRxQueue(const RxQueue& queue) { rx_queues_.push_back(queue); }
  // Frames of other lcores' devices whose flows live here.
  void AddFrameRing(rte_ring* ring) { frame_rings_.push_back(ring); }
  // Complete frames for a port that this lcore transmits on: from the exception thread, the control
  // thread, and lcores without a queue.
  void AddEgressRing(rte_ring* ring) { egress_rings_.push_back(ring); }
  // Where frames go whose flows live on lcore `owner` (single producer: this lcore).
  void SetSpreadRing(unsigned owner, rte_ring* ring, Wakeup& wakeup) {
    spread_rings_[owner] = {ring, &wakeup};
  }
  // `event(queue)` tells how the queue can wake a sleeper. With started devices.
  template <typename EventOf>
  void UseRxEvents(EventOf event) {
    for (const RxQueue& q : rx_queues_) idle_.Add(q.dpdk_port, q.queue, event(q));
  }

  // The lcore itself. Returns after Stop.
  void Run();
  // One round of the loop, for tests and benchmarks that drive it themselves. True when it moved a
  // packet.
  bool RunOnce() { return RunOnceAt(rte_rdtsc()); }
  // The same at a moment of the caller's (TSC ticks, never going back): for counts of instructions,
  // which must not depend on how fast the machine is.
  bool RunOnceAt(uint64_t now);

  // Any thread that has put something into a ring of this lcore.
  Wakeup& wakeup() { return idle_.wakeup(); }

  // Control thread.
  // Takes no more packets from devices; drops what is held; goes on serving its rings.
  void Drain() { SetState(State::kDraining); }
  void Stop() { SetState(State::kStopped); }
  // Samples where cycles go (StageClock); read from context().stages().
  void EnableStages(bool on) { ctx_.stages().Enable(on); }
  LedgerSnapshot& snapshot() { return snapshot_; }
  const LcoreStats& stats() const { return stats_; }
  bool sleeping() const { return sleeping_.load(std::memory_order_relaxed); }
  const std::vector<RxQueue>& rx_queues() const { return rx_queues_; }
  // Sub-interfaces only: a device counts for itself.
  const TrafficCounters& received(PortIndex port) const { return received_[port.value()]; }
  const TrafficCounters& sent(PortIndex port) const { return tx_.sent(port); }
  // Written by the lcore, read relaxed for show: never used for anything but display.
  const StageContext& context() const { return ctx_; }
  const router::RouterLcore& router() const { return router_; }

 private:
  enum class State : uint8_t { kRunning, kDraining, kStopped };
  struct SpreadRing {
    rte_ring* ring = nullptr;
    Wakeup* owner = nullptr;
  };

  void SetState(State state) {
    state_.store(state, std::memory_order_release);
    wakeup().Wake();
  }
  unsigned PollDevices();
  unsigned PollRings();
  // Complete frames of the kernel, the control thread and other lcores.
  void TakeEgressFrames(rte_mbuf** frames, uint16_t count);
  void StampSources(const RxQueue& queue, uint16_t count);
  void Spread(rte_mbuf** packets, uint16_t count, Burst& own);
  void Housekeeping(bool moved);
  void AnswerSnapshot();
  void DropHeld();
  void SleepIfIdle(bool moved);

  Options options_;
  StageContext ctx_;
  router::RouterLcore router_;
  std::unique_ptr<lb::LbLcore> lb_;
  TxBuffers tx_;
  Path path_;
  std::unique_ptr<QsbrReader> reader_;  // made on the lcore's own thread
  std::vector<RxQueue> rx_queues_;
  std::vector<rte_ring*> frame_rings_;
  std::vector<rte_ring*> egress_rings_;
  std::array<SpreadRing, kMaxLcores> spread_rings_{};
  IdleWait idle_;
  Burst burst_;
  uint64_t last_moved_ = 0;       // TSC
  uint64_t last_hold_sweep_ = 0;  // TSC
  uint32_t seen_generation_ = 0;

  std::atomic<State> state_{State::kRunning};
  std::atomic<bool> sleeping_{false};  // idle: the last loop slept
  LcoreStats stats_;
  std::array<TrafficCounters, kMaxPorts> received_;
  LedgerSnapshot snapshot_;
};

}  // namespace flyover
