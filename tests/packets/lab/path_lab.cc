#include "tests/packets/lab/path_lab.h"

#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <rte_ring_elem.h>

#include "common/testing/packet_printer.h"

namespace flyover::test {
namespace {

constexpr unsigned kRxRing = 4096;
constexpr unsigned kMostRounds = 1000;

rte_ring* MakeRing(const std::string& name, unsigned size) {
  rte_ring* const ring = rte_ring_create(name.c_str(), size, SOCKET_ID_ANY, 0);
  if (ring == nullptr) std::abort();
  return ring;
}

PortIndex Index(unsigned port) { return PortIndex(static_cast<uint8_t>(port)); }

router::IcmpErrorConfig Unlimited(const router::IcmpSourceConfig& source) {
  constexpr uint32_t kMany = 1'000'000;
  return {.rate = kMany,
          .burst = kMany,
          .type_rate = {kMany, kMany, kMany},
          .per_source = {.rate = kMany, .burst = kMany},
          .source = source};
}

uint64_t SumOf(const std::array<uint64_t, kDropReasonCount>& drops) {
  uint64_t sum = 0;
  for (const uint64_t n : drops) sum += n;
  return sum;
}

}  // namespace

std::string Outcome::ToString() const {
  std::string text;
  for (const SentFrame& frame : sent) {
    text += "sent by p" + std::to_string(frame.port) + ": " + Describe(frame.bytes);
  }
  for (const SentFrame& frame : punted) {
    text += "punted, from p" + std::to_string(frame.port) + ": " + Describe(frame.bytes);
  }
  for (const auto& [reason, n] : drops) {
    text += "dropped " + std::string(Info(reason).label) + ": " + std::to_string(n) + "\n";
  }
  for (const auto& [reason, n] : punts) {
    text += "punted " + std::string(Info(reason).label) + ": " + std::to_string(n) + "\n";
  }
  for (const router::ResolveRequest& request : resolves) {
    text += "asked for " + request.address.ToString() + "\n";
  }
  return text.empty() ? "nothing\n" : text;
}

PathLab::PathLab(const LabOptions& options) : options_(options) {
  static unsigned instance = 0;
  const std::string prefix = "lab" + std::to_string(instance++) + "_";
  DataplaneOptions dataplane = options.dataplane;
  dataplane.lcore_count = options.lcores;
  dataplane.mbufs = options.mbufs;
  dataplane.connections = 65'536;
  for (uint32_t& rate : dataplane.punt_rate) {
    if (rate == 0) rate = 1'000'000;
  }
  router::IcmpErrorConfig& icmp = dataplane.icmp_errors;
  if (icmp == router::IcmpErrorConfig{.source = icmp.source}) icmp = Unlimited(icmp.source);
  auto created = Dataplane::Create(dataplane);
  if (!created.ok()) {
    ADD_FAILURE() << created.status().message();
    std::abort();
  }
  dataplane_ = std::move(*created);
  for (unsigned p = 0; p < kPorts; ++p) {
    const std::string name = prefix + std::to_string(p);
    for (unsigned q = 0; q < options.rx_queues; ++q) {
      rx_rings_[p].push_back(MakeRing(name + "r" + std::to_string(q), kRxRing));
    }
    for (unsigned q = 0; q < options.tx_queues; ++q) {
      tx_rings_[p].push_back(MakeRing(name + "t" + std::to_string(q), options.tx_ring_size));
    }
    const int id = rte_eth_from_rings(name.c_str(), rx_rings_[p].data(), options.rx_queues,
                                      tx_rings_[p].data(), options.tx_queues, 0);
    char device[RTE_ETH_NAME_MAX_LEN];
    if (id < 0 || rte_eth_dev_get_name_by_port(static_cast<uint16_t>(id), device) != 0) {
      std::abort();
    }
    PortOptions port;
    port.device = device;
    port.mtu = kMtus[p];
    const Status added = dataplane_->AddPort(Index(p), port, std::nullopt);
    EXPECT_TRUE(added.ok()) << added.message();
    const Status started = dataplane_->port(Index(p))->Start();
    EXPECT_TRUE(started.ok()) << started.message();
  }
  AddVlans();
  rib_ = std::make_unique<router::Rib>(dataplane_->tables(), dataplane_->qsbr());
  PublishPorts();
  AddRoutes(*rib_);
  for (size_t v = 0; v < options.vlans.size(); ++v) {
    const auto port = static_cast<unsigned>(kPorts + v);
    AddNetwork(rib_->vrf(VrfIndex(options.vlans[v].vrf)), port, NetworkOfVlan(v));
    AddNeighbor(*rib_, port, NetworkOfVlan(v), VlanHostMac(static_cast<unsigned>(v)));
  }
  for (size_t t = 0; t < options.tunnels.size(); ++t) {
    const auto n = static_cast<unsigned>(111 + t);
    AddNetwork(rib_->main(), TunnelPort(t), n);
    if (options.tunnels[t].key.kind != TunnelKind::kVxlan) continue;
    AddNeighbor(*rib_, TunnelPort(t), n, TunnelHostMac(static_cast<unsigned>(t)));
  }
  std::vector<const lb::ConnectionTable*> connections;
  std::vector<const lb::LbCounters*> counters;
  for (unsigned l = 0; l < options.lcores; ++l) {
    connections.push_back(lcore(l).lb().connections.get());
    counters.push_back(&lcore(l).lb().counters);
  }
  manager_ = std::make_unique<lb::ServiceManager>(dataplane_->services(), dataplane_->qsbr(),
                                                  connections, counters);
  if (options.services) {
    const Status applied = manager_->Apply(BalancerConfig(), lb::ServiceManager::Clock::now(), {});
    EXPECT_TRUE(applied.ok()) << applied.message();
  }
  factory_ = std::make_unique<MbufFactory>(dataplane_->pool());
  baseline_ = rte_mempool_in_use_count(dataplane_->pool());
}

PathLab::~PathLab() {
  factory_.reset();
  Outcome rest;
  TakeSent(rest);
  manager_.reset();
  rib_.reset();
  dataplane_.reset();
  for (unsigned p = 0; p < kPorts; ++p) {
    for (rte_ring* const ring : rx_rings_[p]) rte_ring_free(ring);
    for (rte_ring* const ring : tx_rings_[p]) rte_ring_free(ring);
  }
}

void PathLab::PublishPorts() {
  auto table = std::make_unique<router::PortTable>();
  for (unsigned p = 0; p < kPorts; ++p) {
    router::PortEntry& entry = table->ports[p];
    const std::string n = std::to_string(p + 1);
    entry.present = true;
    entry.up = up_[p];
    entry.mtu = mtu_[p];
    entry.mac = MacAddress{PortMac(p)};
    entry.ipv4 = Ipv4Address::Parse("10." + n + ".0.1");
    entry.ipv6 = Ipv6Address::Parse("2001:db8:" + n + "::1");
    SetPortFeatures(features_[p], entry);
    rib_->SetPort(Index(p), {.mac = entry.mac, .mtu = entry.mtu, .up = entry.up});
  }
  for (size_t v = 0; v < options_.vlans.size(); ++v) {
    const LabVlan& vlan = options_.vlans[v];
    const PortIndex index = Index(static_cast<unsigned>(kPorts + v));
    router::PortEntry& entry = table->ports[index.value()];
    const std::string n = std::to_string(NetworkOfVlan(v));
    entry.present = true;
    entry.vrf = VrfIndex(vlan.vrf);
    entry.up = vlan.up;
    entry.mtu = vlan.mtu;
    entry.mac = MacAddress{PortMac(vlan.device)};
    entry.ipv4 = Ipv4Address::Parse("10." + n + ".0.1");
    entry.ipv6 = Ipv6Address::Parse("2001:db8:" + n + "::1");
    SetPortFeatures(features_[index.value()], entry);
    rib_->SetPort(index, {.mac = entry.mac, .mtu = entry.mtu, .up = entry.up, .vrf = entry.vrf});
    table->AddSubPort(index, Index(vlan.device), vlan.outer, vlan.inner);
  }
  for (size_t t = 0; t < options_.tunnels.size(); ++t) {
    router::Tunnel tunnel = options_.tunnels[t];
    tunnel.port = Index(TunnelPort(t));
    router::PortEntry& entry = table->ports[tunnel.port.value()];
    const std::string n = std::to_string(111 + t);
    entry.present = true;
    entry.up = true;
    entry.mtu = static_cast<uint16_t>(1500 - tunnel.overhead());
    entry.mac = MacAddress{TunnelMac(static_cast<unsigned>(t))};
    entry.ipv4 = Ipv4Address::Parse("10." + n + ".0.1");
    entry.ipv6 = Ipv6Address::Parse("2001:db8:" + n + "::1");
    rib_->SetPort(tunnel.port, {.mac = entry.mac,
                                .mtu = entry.mtu,
                                .up = entry.up,
                                .point_to_point = tunnel.key.kind != TunnelKind::kVxlan});
    table->tunnels.Add(tunnel);
  }
  table->Seal();
  dataplane_->port_table().Publish(std::move(table), dataplane_->qsbr());
}

void PathLab::AddVlans() {
  for (size_t v = 0; v < options_.vlans.size(); ++v) {
    const LabVlan& vlan = options_.vlans[v];
    dataplane_->AddVlan(Index(static_cast<unsigned>(kPorts + v)), Index(vlan.device), vlan.outer,
                        vlan.inner);
  }
}

void PathLab::SetPort(unsigned port, uint16_t mtu, bool up) {
  mtu_[port] = mtu;
  up_[port] = up;
  PublishPorts();
}

void PathLab::SetFeatures(unsigned port, const PortFeatures& features) {
  features_[port] = features;
  PublishPorts();
}

void PathLab::Send(unsigned port, const Bytes& frame, const Form& form, unsigned queue) {
  SendMbuf(port, factory_->Make(frame, form), queue);
}

void PathLab::SendMbuf(unsigned port, rte_mbuf* m, unsigned queue) {
  ASSERT_EQ(rte_ring_enqueue(rx_rings_[port][queue], m), 0) << "the test's wire is full";
  ++wire_in_[port];
}

Outcome PathLab::Settle() {
  Outcome outcome;
  unsigned rounds = 0;
  for (bool moved = true; moved; ++rounds) {
    moved = false;
    for (unsigned l = 0; l < dataplane_->lcore_count(); ++l) moved |= lcore(l).RunOnce();
    TakePunts(outcome);
    TakeResolves(outcome);
    if (rounds == kMostRounds) {
      ADD_FAILURE() << "packets go round and round";
      break;
    }
  }
  TakeSent(outcome);
  const auto drops = Drops();
  const auto punts = Punts();
  for (size_t r = 0; r < kDropReasonCount; ++r) {
    const uint64_t n = drops[r] - drops_before_[r];
    if (n != 0) outcome.drops[static_cast<DropReason>(r)] = n;
  }
  for (size_t r = 0; r < kPuntReasonCount; ++r) {
    const uint64_t n = punts[r] - punts_before_[r];
    if (n != 0) outcome.punts[static_cast<PuntReason>(r)] = n;
  }
  drops_before_ = drops;
  punts_before_ = punts;
  CheckLedger();
  EXPECT_TRUE(factory_->ReleaseShared()) << "wrote into bytes that somebody else holds";
  return outcome;
}

Outcome PathLab::Pass(unsigned port, const Bytes& frame, const Form& form) {
  Send(port, frame, form);
  return Settle();
}

Outcome PathLab::Collect() {
  Outcome outcome;
  TakePunts(outcome);
  TakeResolves(outcome);
  TakeSent(outcome);
  return outcome;
}

Outcome PathLab::Drain() {
  for (unsigned l = 0; l < dataplane_->lcore_count(); ++l) lcore(l).Drain();
  return Settle();
}

void PathLab::TakeSent(Outcome& outcome) {
  for (unsigned p = 0; p < kPorts; ++p) {
    for (rte_ring* const ring : tx_rings_[p]) {
      void* object = nullptr;
      while (rte_ring_dequeue(ring, &object) == 0) {
        auto* const m = static_cast<rte_mbuf*>(object);
        const char* reason = nullptr;
        EXPECT_EQ(rte_mbuf_check(m, 1, &reason), 0) << reason;
        outcome.sent.push_back({p, BytesOf(m)});
        rte_pktmbuf_free(m);
        ++wire_out_[p];
      }
    }
  }
}

void PathLab::TakePunts(Outcome& outcome) {
  for (unsigned l = 0; l < dataplane_->lcore_count(); ++l) {
    void* object = nullptr;
    while (rte_ring_dequeue(dataplane_->punt_ring(l), &object) == 0) {
      auto* const m = static_cast<rte_mbuf*>(object);
      SourceLedger& source = exception_[SourceOf(m)];
      ++source.taken_over;
      ++source.punted;
      outcome.punted.push_back({TapOf(m).value(), BytesOf(m)});
      rte_pktmbuf_free(m);
    }
  }
}

void PathLab::TakeResolves(Outcome& outcome) {
  for (unsigned l = 0; l < dataplane_->lcore_count(); ++l) {
    router::ResolveRequest request;
    while (rte_ring_sc_dequeue_elem(dataplane_->resolve_ring(l), &request, sizeof(request)) == 0) {
      outcome.resolves.push_back(request);
    }
  }
}

std::array<uint64_t, kDropReasonCount> PathLab::Drops() {
  std::array<uint64_t, kDropReasonCount> sum{};
  for (unsigned l = 0; l < dataplane_->lcore_count(); ++l) {
    for (const SourceLedger& source : lcore(l).context().ledger().sources) {
      for (size_t r = 0; r < kDropReasonCount; ++r) sum[r] += source.drops[r];
    }
  }
  return sum;
}

std::array<uint64_t, kPuntReasonCount> PathLab::Punts() {
  std::array<uint64_t, kPuntReasonCount> sum{};
  for (unsigned l = 0; l < dataplane_->lcore_count(); ++l) {
    const auto& punts = lcore(l).context().punts();
    for (size_t r = 0; r < kPuntReasonCount; ++r) sum[r] += punts[r];
  }
  return sum;
}

uint64_t PathLab::DropCount(DropReason reason) { return Drops()[static_cast<size_t>(reason)]; }

HeldCounts PathLab::Held() {
  HeldCounts sum{};
  for (unsigned l = 0; l < dataplane_->lcore_count(); ++l) {
    LedgerSnapshot& snapshot = lcore(l).snapshot();
    snapshot.Request();
    lcore(l).RunOnce();
    EXPECT_TRUE(snapshot.Ready());
    for (size_t s = 0; s < kSourceCount; ++s) sum[s] += snapshot.held()[s];
  }
  return sum;
}

void PathLab::CheckLedger() {
  std::vector<std::pair<const Ledger*, HeldCounts>> threads;
  for (unsigned l = 0; l < dataplane_->lcore_count(); ++l) {
    LedgerSnapshot& snapshot = lcore(l).snapshot();
    snapshot.Request();
    lcore(l).RunOnce();
    ASSERT_TRUE(snapshot.Ready());
    threads.emplace_back(&snapshot.ledger(), snapshot.held());
  }
  threads.emplace_back(&exception_, HeldCounts{});
  threads.emplace_back(&dataplane_->control_ledger(), HeldCounts{});
  uint64_t tx_in_all = 0;
  std::array<uint64_t, kPorts> entered{};  // by wire: a device and its sub-interfaces
  for (size_t s = 0; s < kSourceCount; ++s) {
    SourceLedger sum;
    uint64_t held = 0;
    uint64_t drops = 0;
    for (const auto& [ledger, holds] : threads) {
      const SourceLedger& source = ledger->sources[s];
      EXPECT_EQ(source.entered + source.copies + source.taken_over,
                source.tx + source.punted + SumOf(source.drops) + source.handed_over + holds[s])
          << "source " << s << ", one thread's books";
      sum.entered += source.entered;
      sum.copies += source.copies;
      sum.tx += source.tx;
      sum.punted += source.punted;
      sum.taken_over += source.taken_over;
      sum.handed_over += source.handed_over;
      drops += SumOf(source.drops);
      held += holds[s];
    }
    // The rings between threads are empty: Settle ran until nothing moved.
    EXPECT_EQ(sum.handed_over, sum.taken_over) << "source " << s;
    EXPECT_EQ(sum.entered + sum.copies, sum.tx + sum.punted + drops + held) << "source " << s;
    if (s < kPorts) entered[s] += sum.entered;
    if (s >= kPorts && s < kPorts + options_.vlans.size()) {
      entered[options_.vlans[s - kPorts].device] += sum.entered;
    }
    tx_in_all += sum.tx;
  }
  for (unsigned p = 0; p < kPorts; ++p) {
    EXPECT_EQ(entered[p], wire_in_[p]) << "what the wire brought, p" << p;
  }
  uint64_t wire_out = 0;
  for (const uint64_t n : wire_out_) wire_out += n;
  EXPECT_EQ(tx_in_all, wire_out) << "what the wires took";
}

void PathLab::CheckAtRest() {
  CheckLedger();
  uint64_t held = 0;
  for (const uint64_t n : Held()) held += n;
  EXPECT_EQ(held, 0u);
  EXPECT_EQ(rte_mempool_in_use_count(dataplane_->pool()), baseline_) << "mbufs leaked";
  EXPECT_EQ(LiveExternalBuffers(), 0u) << "external buffers leaked";
}

void PathLab::ExpectCanaryPasses() {
  const Ip4 ip{.src = kClient4, .dst = kFar4, .id = 0xca, .ttl = 9};
  Ip4 out = ip;
  out.ttl = 8;
  const Raw payload{{'c', 'a', 'n', 'a', 'r', 'y'}};
  const Outcome outcome = Pass(kP0, From(kP0) / ip / Udp{.dport = 7} / payload);
  const Bytes want = To(kP1) / out / Udp{.dport = 7} / payload;
  ASSERT_EQ(outcome.sent.size(), 1u) << outcome.ToString();
  EXPECT_EQ(outcome.sent[0].port, kP1);
  EXPECT_EQ(Difference(want, outcome.sent[0].bytes), "");
  EXPECT_TRUE(outcome.drops.empty()) << outcome.ToString();
}

}  // namespace flyover::test
