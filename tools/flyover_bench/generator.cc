#include "tools/flyover_bench/generator.h"

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_mbuf_dyn.h>

#include <algorithm>
#include <array>

namespace flyover {
namespace {

constexpr unsigned kSendAtOnce = 32;
constexpr unsigned kTakeAtOnce = 64;
constexpr unsigned kMbufs = 16'383;  // more than all rings hold
// Packets that are due within this time are sent together.
constexpr double kBatchSeconds = 0.000001;
// A generator that was elsewhere for longer than this goes on as if that time had not been: to make
// up for it would be a burst that nobody asked for.
constexpr double kSlipSeconds = 0.00005;
// Of a run's time, at most: else it did not have the rate that it says.
constexpr double kMostSlip = 0.05;

}  // namespace

Result<std::unique_ptr<Generator>> Generator::Create(rte_ring* to, rte_ring* from) {
  std::unique_ptr<Generator> generator(new Generator(to, from));
  generator->pool_ = rte_pktmbuf_pool_create("bench_generator", kMbufs, 256, 0,
                                             RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  const rte_mbuf_dynfield field{.name = "flyover_bench_due",
                                .size = sizeof(uint64_t),
                                .align = alignof(uint64_t),
                                .flags = 0};
  generator->stamp_ = rte_mbuf_dynfield_register(&field);
  if (generator->pool_ == nullptr || generator->stamp_ < 0) {
    return Status(StatusCode::kResourceExhausted,
                  std::string("no memory for the generator: ") + rte_strerror(rte_errno));
  }
  return generator;
}

Generator::~Generator() { rte_mempool_free(pool_); }

void Generator::Send(Traffic& traffic, unsigned count, double due, double step, RunResult& result) {
  std::array<rte_mbuf*, kSendAtOnce> packets;
  result.sent += count;
  if (rte_pktmbuf_alloc_bulk(pool_, packets.data(), count) != 0) {
    result.lost += count;
    return;
  }
  // The device wrote them last, on another core.
  for (unsigned i = 0; i < count; ++i) {
    __builtin_prefetch(packets[i], 1);
    __builtin_prefetch(static_cast<char*>(packets[i]->buf_addr) + RTE_PKTMBUF_HEADROOM, 1);
    __builtin_prefetch(static_cast<char*>(packets[i]->buf_addr) + RTE_PKTMBUF_HEADROOM + 64, 1);
  }
  for (unsigned i = 0; i < count; ++i) {
    rte_mbuf* const m = packets[i];
    const uint16_t length = traffic.Next(rte_pktmbuf_mtod(m, uint8_t*));
    m->data_len = length;
    m->pkt_len = length;
    *RTE_MBUF_DYNFIELD(m, stamp_, uint64_t*) = static_cast<uint64_t>(due + step * i);
  }
  const unsigned taken =
      rte_ring_sp_enqueue_burst(to_, reinterpret_cast<void**>(packets.data()), count, nullptr);
  if (taken == count) return;
  result.lost += count - taken;
  result.last_loss = rte_rdtsc();
  rte_pktmbuf_free_bulk(packets.data() + taken, count - taken);
}

unsigned Generator::Receive(RunResult& result) {
  std::array<rte_mbuf*, kTakeAtOnce> packets;
  const unsigned count = rte_ring_sc_dequeue_burst(from_, reinterpret_cast<void**>(packets.data()),
                                                   kTakeAtOnce, nullptr);
  if (count == 0) return 0;
  const uint64_t now = rte_rdtsc();
  for (unsigned i = 0; i < count; ++i) {
    __builtin_prefetch(packets[i]);
    __builtin_prefetch(reinterpret_cast<char*>(packets[i]) + RTE_CACHE_LINE_SIZE);
  }
  for (unsigned i = 0; i < count; ++i) {
    result.latency.Record(now - *RTE_MBUF_DYNFIELD(packets[i], stamp_, uint64_t*));
  }
  result.received += count;
  rte_pktmbuf_free_bulk(packets.data(), count);
  return count;
}

void Generator::Drain(RunResult& result) {
  const uint64_t deadline = rte_rdtsc() + rte_get_tsc_hz() / 10;
  while (result.received + result.lost < result.sent && rte_rdtsc() < deadline) {
    (void)Receive(result);
  }
  if (result.received + result.lost < result.sent) {
    result.lost = result.sent - result.received;
    result.last_loss = rte_rdtsc();
  }
}

Result<RunResult> Generator::Run(Traffic& traffic, double rate, uint64_t count, bool drain) {
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  const double step = hz / rate;
  RunResult result;
  uint64_t begin = rte_rdtsc();  // when the first packet was due, or would have been
  uint64_t slipped = 0;
  // Small enough to be a moment, large enough to be quick.
  const auto batch =
      std::clamp<uint64_t>(static_cast<uint64_t>(rate * kBatchSeconds), 1, kSendAtOnce / 2);
  while (result.sent < count) {
    const uint64_t passed = rte_rdtsc() - begin;
    const auto first = static_cast<uint64_t>(step * static_cast<double>(result.sent));
    if (passed > first + static_cast<uint64_t>(kSlipSeconds * hz)) {
      slipped += passed - first;
      begin += passed - first;
      continue;
    }
    const auto due =
        std::min<uint64_t>(static_cast<uint64_t>(static_cast<double>(passed) / step) + 1, count);
    const bool last = due == count;
    if (due >= result.sent + batch || (last && due > result.sent)) {
      Send(traffic, static_cast<unsigned>(std::min<uint64_t>(due - result.sent, kSendAtOnce)),
           static_cast<double>(begin + first), step, result);
    }
    (void)Receive(result);
  }
  if (drain) Drain(result);
  if (static_cast<double>(slipped) > kMostSlip * static_cast<double>(count) * step) {
    return Status(StatusCode::kResourceExhausted, "the generator is slower than " +
                                                      std::to_string(static_cast<uint64_t>(rate)) +
                                                      " packets a second");
  }
  return result;
}

Result<RunResult> Generator::Burst(Traffic& traffic, uint64_t count) {
  RunResult result;
  while (result.sent < count) {
    Send(traffic, static_cast<unsigned>(std::min<uint64_t>(count - result.sent, kSendAtOnce)),
         static_cast<double>(rte_rdtsc()), 0, result);
    (void)Receive(result);
  }
  Drain(result);
  return result;
}

Result<double> Generator::FastestRate(Traffic& traffic) {
  constexpr uint64_t kPackets = 1u << 19;
  const uint64_t begin = rte_rdtsc();
  const auto result = Burst(traffic, kPackets);
  if (!result.ok()) return result.status();
  return static_cast<double>(kPackets) * static_cast<double>(rte_get_tsc_hz()) /
         static_cast<double>(rte_rdtsc() - begin);
}

}  // namespace flyover
