#include "tools/flyoverd/path/lcore.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <sys/prctl.h>

#include "lb/datapath/fragment_table.h"
#include "router/datapath/sub_ports.h"
#include "tools/flyoverd/path/frame_hash.h"

namespace flyover {
namespace {

// How long without packets until an lcore counts as idle.
constexpr uint64_t kIdleAfterSeconds = 1;
constexpr uint64_t kHoldSweepsPerSecond = 10;

uint16_t DequeueBurst(rte_ring* ring, rte_mbuf** packets, uint16_t max) {
  return static_cast<uint16_t>(
      rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(packets), max, nullptr));
}

}  // namespace

Lcore::Lcore(const Options& options, std::unique_ptr<lb::LbLcore> lb)
    : options_(options),
      ctx_(options.stage),
      lb_(std::move(lb)),
      path_(ctx_, router_, *lb_, *options.services, tx_) {}

void Lcore::Run() {
  // Without it the kernel adds 50 us to every sleep.
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  reader_ = std::make_unique<QsbrReader>(*options_.qsbr, options_.stage.lcore.value());
  last_moved_ = rte_rdtsc();
  uint64_t loop_start = last_moved_;
  while (state_.load(std::memory_order_acquire) != State::kStopped) {
    const bool moved = RunOnce();
    SleepIfIdle(moved);
    const uint64_t end = rte_rdtsc();
    if (moved) {
      stats_.busy_cycles.Add(end - loop_start);
      stats_.loop_max_cycles.Max(end - loop_start);
      stats_.residence.Record(end - loop_start);
    } else {
      stats_.idle_cycles.Add(end - loop_start);
    }
    loop_start = end;
  }
  DropHeld();
  tx_.FlushAll(ctx_);
  ctx_.FlushDrops();
  reader_.reset();
}

bool Lcore::RunOnceAt(uint64_t now) {
  ctx_.set_now(now);
  ctx_.stages().Begin(now);
  unsigned moved = PollRings();
  if (state_.load(std::memory_order_relaxed) == State::kRunning) {
    moved += PollDevices();
  } else {
    DropHeld();
  }
  stats_.packets.Add(moved);
  Housekeeping(moved > 0);
  return moved > 0;
}

unsigned Lcore::PollDevices() {
  unsigned moved = 0;
  for (const RxQueue& queue : rx_queues_) {
    const uint16_t count =
        rte_eth_rx_burst(queue.dpdk_port, queue.queue, burst_.pkt.data(), options_.burst);
    if (count == 0) continue;
    moved += count;
    StampSources(queue, count);
    burst_.size = count;
    if (queue.spread && options_.lcore_count > 1) Spread(burst_.pkt.data(), count, burst_);
    for (uint16_t i = 0; i < burst_.size; ++i) {
      const SourceId source = SourceOf(burst_.pkt[i]);
      burst_.meta[i].source = source;
      burst_.meta[i].in_port = PortIndex(source.value());
    }
    stats_.bursts.Add(1);
    ctx_.stages().Lap(Stage::kReceive, count);
    path_.Process(burst_);
  }
  return moved;
}

// Where each packet came in, once and for all: the device's own port or, by the tags, one of its
// sub-interfaces.
void Lcore::StampSources(const RxQueue& queue, uint16_t count) {
  for (uint16_t i = 0; i < count; ++i) {
    PrefetchData(burst_.pkt[i]);
    SetSource(burst_.pkt[i], PortSource(queue.port));
  }
  const router::PortTable& ports = *router_.ports->Load();
  if (!ports[queue.port].trunk) [[likely]] {
    ctx_.ledger()[PortSource(queue.port)].entered += count;
    return;
  }
  for (uint16_t i = 0; i < count; ++i) {
    rte_mbuf* const m = burst_.pkt[i];
    const PortIndex port = router::PortOfFrame(ports, queue.port, m);
    SetSource(m, PortSource(port));
    ++ctx_.ledger()[PortSource(port)].entered;
    if (port == queue.port) continue;
    const bool tag_is_off = (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
    received_[port.value()].Add(1, m->pkt_len + (tag_is_off ? sizeof(VlanHeader) : 0));
  }
}

// Keeps what belongs to this lcore in `own` (packed to the front) and hands the rest to its owners.
void Lcore::Spread(rte_mbuf** packets, uint16_t count, Burst& own) {
  uint16_t kept = 0;
  uint64_t handed_to = 0;  // bit n: lcore n
  static_assert(kMaxLcores <= 64);
  for (uint16_t i = 0; i < count; ++i) {
    rte_mbuf* const m = packets[i];
    const uint32_t owner = ReduceHash(FrameHash(options_.spread_key, m), options_.lcore_count);
    if (owner == options_.stage.lcore.value()) {
      own.pkt[kept++] = m;
      continue;
    }
    const SourceId source = SourceOf(m);
    if (rte_ring_sp_enqueue(spread_rings_[owner].ring, m) == 0) {
      ++ctx_.ledger()[source].handed_over;
      handed_to |= uint64_t{1} << owner;
    } else {
      ctx_.Drop(m, DropReason::kHandoffFull);
    }
  }
  own.size = kept;
  for (; handed_to != 0; handed_to &= handed_to - 1) {
    spread_rings_[static_cast<unsigned>(__builtin_ctzll(handed_to))].owner->Wake();
  }
}

unsigned Lcore::PollRings() {
  unsigned moved = 0;
  for (rte_ring* const ring : frame_rings_) {
    const uint16_t count = DequeueBurst(ring, burst_.pkt.data(), kMaxBurst);
    if (count == 0) continue;
    moved += count;
    for (uint16_t i = 0; i < count; ++i) {
      PrefetchData(burst_.pkt[i]);
      const SourceId source = SourceOf(burst_.pkt[i]);
      ++ctx_.ledger()[source].taken_over;
      burst_.meta[i].source = source;
      burst_.meta[i].in_port = PortIndex(source.value());
    }
    burst_.size = count;
    stats_.bursts.Add(1);
    ctx_.stages().Lap(Stage::kReceive, count);
    path_.Process(burst_);
  }
  for (rte_ring* const ring : egress_rings_) {
    std::array<rte_mbuf*, kMaxBurst> frames;
    const uint16_t count = DequeueBurst(ring, frames.data(), kMaxBurst);
    moved += count;
    TakeEgressFrames(frames.data(), count);
  }
  return moved;
}

void Lcore::TakeEgressFrames(rte_mbuf** frames, uint16_t count) {
  const router::TunnelTable& tunnels = router_.ports->Load()->tunnels;
  std::array<PortIndex, kMaxBurst> egress;
  burst_.size = 0;
  for (uint16_t i = 0; i < count; ++i) {
    ++ctx_.ledger()[SourceOf(frames[i])].taken_over;
    const PortIndex port = EgressOf(frames[i]);
    if (__builtin_expect(tunnels.OfPort(port) == nullptr, 1)) {
      tx_.Add(ctx_, port, frames[i]);
      continue;
    }
    egress[burst_.size] = port;
    burst_.pkt[burst_.size++] = frames[i];
  }
  if (burst_.size != 0) path_.SendByTunnels(burst_, egress);
}

void Lcore::Housekeeping(bool moved) {
  const uint32_t generation = router_.tables->neighbor_generation.load(std::memory_order_acquire);
  const uint64_t now = ctx_.now();
  if (generation != seen_generation_ ||
      now - last_hold_sweep_ > ctx_.tsc_hz() / kHoldSweepsPerSecond) {
    seen_generation_ = generation;
    last_hold_sweep_ = now;
    path_.ResumeHeld();
  }
  path_.ResumeFragments();
  lb_->Housekeeping(now, options_.services->Load());
  if (moved) ctx_.stages().Lap(Stage::kHousekeeping, 0);
  tx_.FlushAll(ctx_);
  if (moved) {
    ctx_.stages().Lap(Stage::kTransmit, 0);
    ctx_.stages().End();
  }
  ctx_.FlushDrops();
  if (moved) last_moved_ = now;
  AnswerSnapshot();
  if (reader_ != nullptr) reader_->Quiescent();
}

void Lcore::AnswerSnapshot() {
  if (!snapshot_.Wanted()) return;
  HeldCounts held{};
  router_.hold.CountHeld(held);
  lb_->fragments->CountHeld(held);
  tx_.CountHeld(held);
  snapshot_.Answer(ctx_.ledger(), held);
}

void Lcore::DropHeld() {
  Burst& held = burst_;
  for (unsigned target = 0; target < router::HoldTable::kMaxTargets; ++target) {
    if (router_.hold.Front(target) == nullptr) continue;
    router_.hold.Release(target, held);
    for (uint16_t i = 0; i < held.size; ++i) ctx_.Drop(held.pkt[i], DropReason::kShutdown);
  }
  lb_->fragments->ReleaseAll(held);
  for (uint16_t i = 0; i < held.size; ++i) ctx_.Drop(held.pkt[i], DropReason::kShutdown);
}

void Lcore::SleepIfIdle(bool moved) {
  if (moved || !options_.adaptive_idle ||
      ctx_.now() - last_moved_ < kIdleAfterSeconds * ctx_.tsc_hz()) {
    if (moved) sleeping_.store(false, std::memory_order_relaxed);
    return;
  }
  sleeping_.store(true, std::memory_order_relaxed);
  // A last look, now that everybody knows that this lcore sleeps.
  idle_.Sleep([this] {
    if (RunOnce() || state_.load(std::memory_order_acquire) == State::kStopped) return true;
    reader_->Offline();
    return false;
  });
  reader_->Online();
  stats_.sleeps.Add(1);
}

}  // namespace flyover
