#include "tools/bench/path_bench.h"

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ring.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "common/net/checksum.h"
#include "common/net/headers.h"
#include "lb/control/service_manager.h"
#include "router/rib/rib.h"
#include "tools/bench/instruction_counter.h"
#include "tools/flyoverd/dataplane/dataplane.h"

namespace flyover {
namespace {

constexpr uint16_t kFrame = 60;  // the smallest Ethernet frame, without its checksum
constexpr PortIndex kIn{0}, kOut{1};
constexpr MacAddress kNeighborMac{{0x02, 0, 0, 0, 0, 0x99}};
constexpr Ipv4Address kGateway4{0x0a020002};  // 10.2.0.2
constexpr Ipv4Address kVip{0xc0000201};       // 192.0.2.1
constexpr unsigned kBackends = 16;

Ipv6Address V6(uint64_t high, uint64_t low) {
  Ipv6Address a;
  StoreUnaligned(a.bytes.data(), SwapBytes(high));
  StoreUnaligned(a.bytes.data() + 8, SwapBytes(low));
  return a;
}
const Ipv6Address kGateway6 = V6(0x20010db800020000, 2);

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

class PathBench {
 public:
  PathBench(BenchCase bench_case, const BenchOptions& options)
      : case_(bench_case), options_(options), random_(options.seed) {}

  Result<BenchResult> Run();

 private:
  struct Cost {
    uint64_t ticks;
    uint64_t instructions;  // only while count_instructions_
  };
  Status Build();
  void FillTables();
  void MakeFrames();
  // One burst in, the loop, the burst out: what the loop alone cost, or none when packets were
  // lost.
  std::optional<Cost> OneBurst(uint32_t burst);

  BenchCase case_;
  BenchOptions options_;
  std::mt19937_64 random_;
  std::unique_ptr<Dataplane> dataplane_;
  RingDevice in_, out_;
  std::unique_ptr<router::Rib> rib_;
  std::unique_ptr<lb::ServiceManager> services_;
  std::vector<std::array<uint8_t, kFrame>> frames_;  // one per flow
  std::vector<rte_mbuf*> packets_;                   // recycled
  InstructionCounter counter_;
  bool count_instructions_ = false;
};

Status PathBench::Build() {
  DataplaneOptions options;
  options.mbufs = 4096;
  auto dataplane = Dataplane::Create(options);
  if (!dataplane.ok()) return dataplane.status();
  dataplane_ = std::move(*dataplane);
  static unsigned instance = 0;
  for (auto* device : {&in_, &out_}) {
    auto made = MakeDevice("bench" + std::to_string(instance++));
    if (!made.ok()) return made.status();
    *device = std::move(*made);
  }
  for (const auto& [index, device] : {std::pair(kIn, &in_), std::pair(kOut, &out_)}) {
    PortOptions port;
    port.device = device->name;
    if (Status status = dataplane_->AddPort(index, port, 1); !status.ok()) return status;
    if (Status status = dataplane_->port(index)->Start(); !status.ok()) return status;
  }
  FillTables();
  MakeFrames();
  for (unsigned i = 0; i < kMaxBurst; ++i) {
    rte_mbuf* const m = rte_pktmbuf_alloc(dataplane_->pool());
    if (m == nullptr) return Status(StatusCode::kResourceExhausted, "no packet buffers");
    packets_.push_back(m);
  }
  return Status::Ok();
}

void PathBench::FillTables() {
  QsbrDomain& qsbr = dataplane_->qsbr();
  auto ports = std::make_unique<router::PortTable>();
  rib_ = std::make_unique<router::Rib>(dataplane_->tables(), qsbr);
  for (const PortIndex p : {kIn, kOut}) {
    const MacAddress mac = dataplane_->port(p)->mac();
    ports->ports[p.value()] = {
        .present = true, .up = true, .mtu = 1500, .mac = mac, .ipv4 = {}, .ipv6 = {}};
    rib_->SetPort(p, {.mac = mac, .mtu = 1500, .up = true});
  }
  dataplane_->port_table().Publish(std::move(ports), qsbr);
  const auto route = [&](const IpPrefix& prefix, const IpAddress& gateway) {
    router::RibRoute r;
    r.prefix = prefix;
    r.nexthops = {{.gateway = gateway, .port = kOut}};
    (void)rib_->UpsertRoute(r);
  };
  for (uint32_t i = 0; i < options_.routes; ++i) {
    route(IpPrefix(Ipv4Address{0x14000000u + (i << 8)}, 24), kGateway4);
    route(IpPrefix(V6(0x20010db900000000ULL + (uint64_t{i} << 16), 0), 48), kGateway6);
  }
  rib_->SetNeighbor(kOut, kGateway4, kNeighborMac);
  rib_->SetNeighbor(kOut, kGateway6, kNeighborMac);
  if (case_ != BenchCase::kServiceIpip) return;
  lb::LbConfig config;
  lb::ServiceConfig service;
  service.name = "bench";
  service.vips = {kVip};
  service.port = 80;
  service.source.ipv4 = Ipv4Address{0x0aff0001};
  for (unsigned b = 0; b < kBackends; ++b) {
    service.backends.push_back({.name = "b" + std::to_string(b),
                                .address = Ipv4Address{0x14000000u + (b << 8) + 1},
                                .weight = 100});
  }
  config.services = {service};
  services_ = std::make_unique<lb::ServiceManager>(
      dataplane_->services(), qsbr,
      std::vector<const lb::ConnectionTable*>{dataplane_->lcore(0).lb().connections.get()},
      std::vector<const lb::LbCounters*>{&dataplane_->lcore(0).lb().counters});
  (void)services_->Apply(config, std::chrono::steady_clock::now(),
                         std::chrono::system_clock::now());
}

void PathBench::MakeFrames() {
  frames_.resize(options_.flows);
  const bool ipv6 = case_ == BenchCase::kIpv6Route;
  for (auto& frame : frames_) {
    frame.fill(0);
    const EthernetHeader ethernet{dataplane_->port(kIn)->mac(), kNeighborMac,
                                  Be16(ipv6 ? kEtherTypeIpv6 : kEtherTypeIpv4)};
    std::memcpy(frame.data(), &ethernet, sizeof(ethernet));
    uint8_t* const l3 = frame.data() + sizeof(ethernet);
    const auto route = static_cast<uint32_t>(random_() % std::max<uint32_t>(options_.routes, 1));
    if (ipv6) {
      auto* const ip = reinterpret_cast<Ipv6Header*>(l3);
      ip->version_class_flow = Be32(0x60000000);
      ip->payload_length = Be16(6);
      ip->next_header = kProtoNoNext;
      ip->hop_limit = 64;
      std::memcpy(ip->src, V6(0x20010db800010000, random_()).bytes.data(), 16);
      std::memcpy(ip->dst,
                  V6(0x20010db900000000ULL + (uint64_t{route} << 16), random_()).bytes.data(), 16);
      continue;
    }
    auto* const ip = reinterpret_cast<Ipv4Header*>(l3);
    ip->version_ihl = 0x45;
    ip->total_length = Be16(kFrame - sizeof(ethernet));
    ip->fragment = Be16(kIpv4DontFragment);
    ip->ttl = 64;
    ip->protocol = kProtoTcp;
    ip->src = Be32(0x0a010000u | static_cast<uint32_t>(random_() & 0xffff));
    ip->dst = Be32(case_ == BenchCase::kServiceIpip
                       ? kVip.value
                       : 0x14000000u + (route << 8) + static_cast<uint32_t>(random_() & 0xff));
    ip->checksum = Checksum(ip, sizeof(*ip));
    uint8_t* const l4 = l3 + sizeof(*ip);
    StoreBe16(l4, static_cast<uint16_t>(random_()));
    StoreBe16(l4 + 2, 80);
    l4[12] = 0x50;
    l4[13] = kTcpAck;
  }
}

std::optional<PathBench::Cost> PathBench::OneBurst(uint32_t burst) {
  for (unsigned i = 0; i < kMaxBurst; ++i) {
    rte_mbuf* const m = packets_[i];
    rte_pktmbuf_reset(m);
    m->data_len = kFrame;
    m->pkt_len = kFrame;
    const auto& frame = frames_[(uint64_t{burst} * kMaxBurst + i) % frames_.size()];
    std::memcpy(rte_pktmbuf_mtod(m, void*), frame.data(), kFrame);
  }
  rte_ring_sp_enqueue_bulk(in_.rx, reinterpret_cast<void**>(packets_.data()), kMaxBurst, nullptr);
  const uint64_t before = count_instructions_ ? counter_.Read() : 0;
  const uint64_t start = rte_rdtsc_precise();
  dataplane_->lcore(0).RunOnce();
  const uint64_t end = rte_rdtsc_precise();
  const uint64_t after = count_instructions_ ? counter_.Read() : 0;
  const unsigned got = rte_ring_sc_dequeue_burst(out_.tx, reinterpret_cast<void**>(packets_.data()),
                                                 kMaxBurst, nullptr);
  if (got != kMaxBurst) return std::nullopt;
  return Cost{end - start, after - before};
}

Result<BenchResult> PathBench::Run() {
  if (Status status = Build(); !status.ok()) return status;
  BenchResult result;
  result.bench_case = case_;
  const auto lost = [&] {
    return Status(StatusCode::kInternal,
                  NameOf(case_) + ": the sink received fewer packets than were sent");
  };
  // Warms caches and, for the service, makes every flow's entry.
  const uint32_t rounds = options_.flows / kMaxBurst + 1;
  for (uint32_t b = 0; b < 2 * rounds; ++b) {
    if (!OneBurst(b)) return lost();
  }
  for (unsigned r = 0; r < options_.repetitions; ++r) {
    uint64_t ticks = 0;
    for (uint32_t b = 0; b < options_.bursts; ++b) {
      const auto one = OneBurst(b);
      if (!one) return lost();
      ticks += one->ticks;
    }
    const uint64_t packets = uint64_t{options_.bursts} * kMaxBurst;
    result.cycles.push_back(static_cast<double>(ticks) / static_cast<double>(packets));
    result.packets += packets;
  }
  // Apart from the timed rounds: reading the counter is a system call.
  count_instructions_ = counter_.available();
  if (count_instructions_) {
    uint64_t instructions = 0;
    for (uint32_t b = 0; b < rounds; ++b) {
      const auto one = OneBurst(b);
      if (!one) return lost();
      instructions += one->instructions;
    }
    result.instructions = static_cast<double>(instructions) / (double{kMaxBurst} * rounds);
  }
  for (rte_mbuf* const m : packets_) rte_pktmbuf_free(m);
  return result;
}

}  // namespace

double BenchResult::Median() const {
  std::vector<double> sorted = cycles;
  std::sort(sorted.begin(), sorted.end());
  return sorted.empty() ? 0 : sorted[sorted.size() / 2];
}

std::string NameOf(BenchCase bench_case) {
  switch (bench_case) {
    case BenchCase::kIpv4Route:
      return "ipv4-route";
    case BenchCase::kIpv6Route:
      return "ipv6-route";
    case BenchCase::kServiceIpip:
      break;
  }
  return "service-ipip";
}

std::optional<BenchCase> ParseBenchCase(const std::string& name) {
  for (const BenchCase c : kBenchCases) {
    if (NameOf(c) == name) return c;
  }
  return std::nullopt;
}

Result<BenchResult> RunPathBench(BenchCase bench_case, const BenchOptions& options) {
  return PathBench(bench_case, options).Run();
}

}  // namespace flyover
