#include "tools/flyoverd/dataplane/dataplane.h"

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_random.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace flyover {
namespace {

constexpr unsigned kPacketRingSize = 1024;
constexpr unsigned kResolveRingSize = 256;
constexpr unsigned kMempoolCache = 512;

// Which slice of a seed is whose (KeyFromSeed).
enum SeedUse : uint64_t { kFlowSeed = 1, kEcmpSeed = 2, kSpreadSeed = 3, kIcmpSeed = 4 };

int RunLcore(void* lcore) {
  static_cast<Lcore*>(lcore)->Run();
  return 0;
}

Status NoMemory(const std::string& what) {
  return Status(StatusCode::kResourceExhausted,
                "no memory for " + what + " (" + rte_strerror(rte_errno) +
                    "); accepted: more hugepages, or fewer mbufs_per_numa");
}

}  // namespace

Dataplane::Dataplane(const DataplaneOptions& options)
    : options_(options),
      qsbr_(kMaxLcores),
      tables_(router::ForwardingTables::Options::For(options.vrfs)) {}

Result<std::unique_ptr<Dataplane>> Dataplane::Create(const DataplaneOptions& options) {
  std::unique_ptr<Dataplane> dataplane(new Dataplane(options));
  if (Status status = dataplane->CreateMemory(); !status.ok()) return status;
  if (Status status = dataplane->CreateLcores(); !status.ok()) return status;
  return dataplane;
}

Status Dataplane::CreateMemory() {
  // Names are unique in the process: tests build several data planes after each other.
  static unsigned instance = 0;
  const std::string prefix = "fly" + std::to_string(instance++);
  pool_ = rte_pktmbuf_pool_create((prefix + "_pool").c_str(), options_.mbufs, kMempoolCache, 0,
                                  RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool_ == nullptr) return NoMemory(std::to_string(options_.mbufs) + " packet buffers");
  unsigned ring_count = 0;
  const auto add = [&](std::vector<rte_ring*>& to) {
    rte_ring* const ring =
        rte_ring_create((prefix + "_r" + std::to_string(ring_count++)).c_str(), kPacketRingSize,
                        SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    to.push_back(ring);
    rings_.push_back(ring);
    return ring != nullptr;
  };
  bool ok = true;
  const unsigned n = options_.lcore_count;
  frames_.resize(n);
  egress_.resize(n);
  for (unsigned l = 0; l < n && ok; ++l) {
    ok = add(punt_) && add(from_tap_) && add(announce_);
    rte_ring* const resolve = rte_ring_create_elem((prefix + "_q" + std::to_string(l)).c_str(),
                                                   sizeof(router::ResolveRequest), kResolveRingSize,
                                                   SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    resolve_.push_back(resolve);
    rings_.push_back(resolve);
    ok = ok && resolve != nullptr;
    for (unsigned to = 0; to < n && ok; ++to) ok = add(frames_[l]) && add(egress_[l]);
  }
  return ok ? Status::Ok() : NoMemory("rings");
}

Status Dataplane::CreateLcores() {
  port_table_.Publish(std::make_unique<router::PortTable>(), qsbr_);
  const unsigned n = options_.lcore_count;
  const HashKey flow_key = KeyFromSeed(options_.flow_seed, kFlowSeed);
  auto balancers = lb::MakeLbLcores(n, options_.connections, flow_key, rte_get_tsc_hz());
  if (!balancers.ok()) return balancers.status();
  for (unsigned l = 0; l < n; ++l) {
    Lcore::Options options;
    options.stage.lcore = LcoreIndex(static_cast<uint8_t>(l));
    options.stage.pool = pool_;
    options.stage.punt_ring = punt_[l];
    options.stage.tsc_hz = rte_get_tsc_hz();
    options.stage.punt_rate = options_.punt_rate;
    options.qsbr = &qsbr_;
    options.services = &services_;
    options.burst = options_.burst;
    options.adaptive_idle = options_.adaptive_idle;
    options.spread_key = KeyFromSeed(options_.flow_seed, kSpreadSeed);
    options.lcore_count = n;
    auto lcore = std::make_unique<Lcore>(options, std::move((*balancers)[l]));
    router::RouterLcore& router = lcore->router();
    router.tables = &tables_;
    tables_.use.push_back(&router.use);
    tables_.group_use.push_back(&router.group_use);
    router.ports = &port_table_;
    router.tunnel_mtus = &tunnel_mtus_;
    router.flow_key = flow_key;
    router.ecmp_key = KeyFromSeed(options_.ecmp_seed, kEcmpSeed).a;
    router.ecmp_symmetric = options_.ecmp_symmetric;
    router.ecmp_flow_label = options_.ecmp_flow_label;
    router.ecmp_ports = options_.ecmp_ports;
    router.resolve_ring = resolve_[l];
    router.icmp_source = options_.icmp_errors.source;
    router.icmp_errors = router::IcmpLimiter(
        options_.icmp_errors, KeyFromSeed(rte_rand(), kIcmpSeed), options.stage.tsc_hz);
    lcore->AddEgressRing(from_tap_[l]);
    lcore->AddEgressRing(announce_[l]);
    lcores_.push_back(std::move(lcore));
  }
  for (unsigned from = 0; from < n; ++from) {
    for (unsigned to = 0; to < n; ++to) {
      if (from == to) continue;
      lcores_[from]->SetSpreadRing(to, frames_[from][to], lcores_[to]->wakeup());
      lcores_[to]->AddFrameRing(frames_[from][to]);
      lcores_[to]->AddEgressRing(egress_[from][to]);
    }
  }
  return Status::Ok();
}

Status Dataplane::AddPort(PortIndex index, PortOptions options, std::optional<unsigned> rx_queues) {
  const unsigned n = lcore_count();
  options.rx_queues = rx_queues.value_or(n);
  options.tx_queues = n;
  options.pool = pool_;
  options.rx_interrupts = options_.adaptive_idle;
  Result<Port> opened = Port::Open(options);
  if (!opened.ok()) return opened.status();
  auto port = std::make_unique<Port>(std::move(*opened));
  if (rx_queues && *rx_queues > port->rx_queues()) {
    return Status(StatusCode::kInvalidArgument, "queues: " + std::to_string(*rx_queues) +
                                                    " asked for, the device has " +
                                                    std::to_string(port->rx_queues()));
  }
  const bool spread = port->rx_queues() < n;
  for (unsigned q = 0; q < port->rx_queues(); ++q) {
    lcores_[(next_lcore_ + q) % n]->AddRxQueue(
        {index, port->dpdk_id(), static_cast<uint16_t>(q), spread});
  }
  // Lcores without a transmit queue of their own go through one that has.
  for (unsigned k = 0; k < n; ++k) {
    const unsigned l = (next_lcore_ + k) % n;
    if (k < port->tx_queues()) {
      lcores_[l]->tx().UseQueue(index, {.dpdk_port = port->dpdk_id(),
                                        .queue = static_cast<uint16_t>(k),
                                        .poll = options.bond.lacp,
                                        .prepare = port->offloads().vlan_insert});
    } else {
      const unsigned owner = (next_lcore_ + k % port->tx_queues()) % n;
      lcores_[l]->tx().UseRing(index, egress_[l][owner], lcores_[owner]->wakeup());
    }
  }
  egress_lcore_[index.value()] = next_lcore_;
  next_lcore_ = (next_lcore_ + port->rx_queues()) % n;
  ports_[index.value()] = std::move(port);
  return Status::Ok();
}

void Dataplane::AddVlan(PortIndex index, PortIndex device, uint16_t outer, uint16_t inner) {
  VlanPush push = MakeVlanPush(outer, inner);
  // Devices put on 802.1Q tags only, and the outer one of two is of 802.1ad.
  if (inner == 0 && ports_[device.value()]->offloads().vlan_insert) push.by_device = outer;
  for (const auto& lcore : lcores_) lcore->tx().UseVlan(index, device, push);
  egress_lcore_[index.value()] = egress_lcore_[device.value()];
}

PortCounters Dataplane::StackedCounters(PortIndex p) const {
  PortCounters counters;
  for (const auto& lcore : lcores_) {
    counters.rx_packets += lcore->received(p).packets.Get();
    counters.rx_bytes += lcore->received(p).bytes.Get();
    counters.tx_packets += lcore->sent(p).packets.Get();
    counters.tx_bytes += lcore->sent(p).bytes.Get();
    const router::TunnelTraffic& tunnel = std::as_const(*lcore).router().tunnel_traffic[p.value()];
    counters.rx_packets += tunnel.received.packets.Get();
    counters.rx_bytes += tunnel.received.bytes.Get();
    counters.tx_packets += tunnel.sent.packets.Get();
    counters.tx_bytes += tunnel.sent.bytes.Get();
  }
  return counters;
}

Status Dataplane::Launch() {
  for (const auto& port : ports_) {
    if (port == nullptr) continue;
    if (Status status = port->Start(); !status.ok()) return status;
  }
  for (unsigned l = 0; l < lcore_count(); ++l) {
    lcores_[l]->UseRxEvents(
        [this](const Lcore::RxQueue& queue) { return port(queue.port)->rx_event(queue.queue); });
    if (rte_eal_remote_launch(RunLcore, lcores_[l].get(), l + 1) != 0) {
      return Status(StatusCode::kInternal, "lcore " + std::to_string(l) + " did not start");
    }
  }
  launched_ = true;
  return Status::Ok();
}

void Dataplane::Shutdown(unsigned limit_ms) {
  if (!launched_) return;
  launched_ = false;
  for (const auto& lcore : lcores_) lcore->Drain();
  // Rings empty themselves while lcores still run; nothing new comes in.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  const auto busy = [&] {
    for (rte_ring* const ring : rings_) {
      if (!rte_ring_empty(ring)) return true;
    }
    return false;
  };
  while (busy() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (const auto& lcore : lcores_) lcore->Stop();
  for (unsigned l = 0; l < lcore_count(); ++l) rte_eal_wait_lcore(l + 1);
  for (const auto& port : ports_) {
    if (port != nullptr) port->Stop();
  }
}

bool Dataplane::Announce(PortIndex port, const uint8_t* frame, uint16_t length) {
  rte_mbuf* const m = rte_pktmbuf_alloc(pool_);
  if (m == nullptr) return false;
  char* const data = rte_pktmbuf_append(m, length);
  if (data == nullptr) {
    rte_pktmbuf_free(m);
    return false;
  }
  std::memcpy(data, frame, length);
  SetSource(m, kGeneratedSource);
  SetEgress(m, port);
  SourceLedger& ledger = control_ledger_[kGeneratedSource];
  ++ledger.entered;
  if (rte_ring_sp_enqueue(announce_[EgressLcore(port)], m) != 0) {
    ++ledger.drops[static_cast<size_t>(DropReason::kHandoffFull)];
    rte_pktmbuf_free(m);
    return false;
  }
  ++ledger.handed_over;
  lcores_[EgressLcore(port)]->wakeup().Wake();
  return true;
}

Dataplane::~Dataplane() {
  Shutdown(0);
  for (auto& port : ports_) port.reset();
  lcores_.clear();
  // Whatever is left in a ring goes with it.
  for (size_t i = 0; i < rings_.size(); ++i) {
    rte_ring* const ring = rings_[i];
    if (ring == nullptr) continue;
    const bool packets = std::find(resolve_.begin(), resolve_.end(), ring) == resolve_.end();
    void* m = nullptr;
    while (packets && rte_ring_sc_dequeue(ring, &m) == 0) {
      rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
    }
    rte_ring_free(ring);
  }
  rte_mempool_free(pool_);
}

}  // namespace flyover
