#include "tools/flyover_bench/path_feed.h"

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <valgrind/callgrind.h>

#include <algorithm>

namespace flyover {
namespace {

// The clock of a run that counts instructions: it begins here and moves by so much with each burst.
constexpr uint64_t kCountedSeconds = 1000;
constexpr uint64_t kCountedBurstsPerSecond = 300'000;

}  // namespace

Result<RingDevice> RingDevice::Make(unsigned queues, unsigned rx, unsigned tx) {
  static unsigned instance = 0;
  const std::string name = "bench" + std::to_string(instance++);
  RingDevice device;
  device.name = "net_ring_" + name;
  const auto ring = [&](const char* direction, unsigned queue, unsigned size) {
    return rte_ring_create((name + direction + std::to_string(queue)).c_str(), size, SOCKET_ID_ANY,
                           RING_F_SP_ENQ | RING_F_SC_DEQ);
  };
  for (unsigned q = 0; q < queues; ++q) {
    device.rx.push_back(ring("_rx", q, rx));
    device.tx.push_back(ring("_tx", q, tx));
    if (device.rx.back() == nullptr || device.tx.back() == nullptr) {
      return Status(StatusCode::kResourceExhausted, "no memory for rings");
    }
  }
  if (rte_eth_from_rings(name.c_str(), device.rx.data(), queues, device.tx.data(), queues, 0) < 0) {
    return Status(StatusCode::kResourceExhausted, "no memory for a ring device");
  }
  return device;
}

PathFeed::PathFeed(const Load& load, Fault fault, Testbed& bed, unsigned lcore,
                   const RingDevice& in, const RingDevice& out)
    : load_(load),
      fault_(fault),
      bed_(bed),
      lcore_(bed.dataplane().lcore(lcore)),
      rx_(in.rx[lcore]),
      tx_(out.tx[lcore]) {}

PathFeed::~PathFeed() {
  for (rte_mbuf* const m : packets_) rte_pktmbuf_free(m);
}

Status PathFeed::Build(uint64_t seed) {
  std::vector<IpPrefix> prefixes = bed_.prefixes();
  if (fault_ == Fault::kOneFlow) {
    std::mt19937_64 random(1);
    prefixes = {IpPrefix(AddressIn(prefixes[0], random), 32)};
  }
  if (bed_.churn() != nullptr) {
    reader_ = std::make_unique<QsbrReader>(bed_.dataplane().qsbr(), 0);
  }
  traffic_ = std::make_unique<Traffic>(load_, prefixes, seed);
  if (Status status = traffic_->CheckSpread(); !status.ok()) return status;
  for (unsigned i = 0; i < kMaxBurst; ++i) {
    rte_mbuf* const m = rte_pktmbuf_alloc(bed_.dataplane().pool());
    if (m == nullptr) return Status(StatusCode::kResourceExhausted, "no packet buffers");
    packets_.push_back(m);
    // What a frame has beyond the first buffer lies in others behind it, from now on.
    const unsigned room = rte_pktmbuf_tailroom(m);
    for (unsigned held = room; held < load_.frame; held += room) {
      rte_mbuf* const more = rte_pktmbuf_alloc(bed_.dataplane().pool());
      if (more == nullptr) return Status(StatusCode::kResourceExhausted, "no packet buffers");
      more->data_len = static_cast<uint16_t>(std::min<unsigned>(room, load_.frame - held));
      rte_pktmbuf_lastseg(m)->next = more;
      ++m->nb_segs;
    }
  }
  return Status::Ok();
}

Status PathFeed::Warm() {
  const uint64_t packets = warm_ ? 64 * kMaxBurst : 2 * load_.flows + kMaxBurst;
  for (uint64_t sent = 0; sent < packets; sent += kMaxBurst) {
    const auto one = OneBurst();
    if (!one.ok()) return one.status();
  }
  warm_ = true;
  return Status::Ok();
}

void PathFeed::CountBursts() {
  const uint64_t hz = rte_get_tsc_hz();
  now_ = kCountedSeconds * hz;
  step_ = hz / kCountedBurstsPerSecond;
}

Result<uint64_t> PathFeed::OneBurst(unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    rte_mbuf* const m = packets_[i];
    rte_mbuf* const more = m->next;
    const uint16_t segments = m->nb_segs;
    rte_pktmbuf_reset(m);
    const uint16_t length = traffic_->Next(rte_pktmbuf_mtod(m, uint8_t*));
    m->data_len = std::min(length, rte_pktmbuf_tailroom(m));
    m->pkt_len = length;
    m->next = more;
    m->nb_segs = segments;
    if (fault_ == Fault::kErrorPath) rte_pktmbuf_mtod(m, uint8_t*)[14 + 8] = 1;  // TTL
  }
  rte_ring_sp_enqueue_bulk(rx_, reinterpret_cast<void**>(packets_.data()), count, nullptr);
  CALLGRIND_TOGGLE_COLLECT;
  const uint64_t start = rte_rdtsc_precise();
  now_ == 0 ? lcore_.RunOnce() : lcore_.RunOnceAt(now_);
  if (reader_ != nullptr) reader_->Quiescent();  // as Lcore::Run would
  const uint64_t end = rte_rdtsc_precise();
  CALLGRIND_TOGGLE_COLLECT;
  now_ += step_;
  unsigned got =
      rte_ring_sc_dequeue_burst(tx_, reinterpret_cast<void**>(packets_.data()), kMaxBurst, nullptr);
  if (fault_ == Fault::kSinkLoses) rte_pktmbuf_free(packets_[--got]);
  if (got == count) return end - start;
  packets_.resize(got);
  const std::string losses = bed_.Losses();
  return Status(StatusCode::kFailedPrecondition,
                load_.name + ": " +
                    (losses.empty() ? "the sink received " + std::to_string(got) + " of " +
                                          std::to_string(count) + " packets that were sent"
                                    : "packets took another way than the one measured: " + losses));
}

}  // namespace flyover
