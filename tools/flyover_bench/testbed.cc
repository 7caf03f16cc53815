#include "tools/flyover_bench/testbed.h"

#include <algorithm>
#include <chrono>
#include <random>

namespace flyover {

Result<std::unique_ptr<Testbed>> Testbed::Create(const Load& load, const std::string& in_device,
                                                 const std::string& out_device, uint32_t mbufs,
                                                 uint64_t seed, unsigned lcores) {
  const uint16_t mtu = load.frame > kLongestFullFrame ? kLongestFrame - 14 : 1500;
  DataplaneOptions options;
  options.lcore_count = lcores;
  options.mbufs = mbufs;
  options.connections = load.connections;
  auto dataplane = Dataplane::Create(options);
  if (!dataplane.ok()) return dataplane.status();
  auto bed = std::make_unique<Testbed>();
  bed->dataplane_ = std::move(*dataplane);
  QsbrDomain& qsbr = bed->dataplane_->qsbr();
  auto ports = std::make_unique<router::PortTable>();
  bed->rib_ = std::make_unique<router::Rib>(bed->dataplane_->tables(), qsbr);
  for (const auto& [index, device] :
       {std::pair(kInPort, in_device), std::pair(kOutPort, out_device)}) {
    PortOptions port;
    port.device = device;
    port.mtu = mtu;
    if (index == kInPort) port.mac = kBenchMac;
    if (Status status = bed->dataplane_->AddPort(index, port, lcores); !status.ok()) {
      return Status(status.code(), device + ": " + status.message());
    }
    if (Status status = bed->dataplane_->port(index)->Start(); !status.ok()) return status;
    const MacAddress mac = bed->dataplane_->port(index)->mac();
    auto& entry = ports->ports[index.value()];
    entry.present = true;
    entry.up = true;
    entry.mac = mac;
    entry.mtu = mtu;
    bed->rib_->SetPort(index, {.mac = mac, .mtu = mtu, .up = true});
  }
  bed->dataplane_->port_table().Publish(std::move(ports), qsbr);
  if (Status status = bed->FillRoutes(load, seed); !status.ok()) return status;
  if (load.other_routes > 0 || load.replay != nullptr) {
    Load other = load;
    other.ipv6 = !load.ipv6;
    other.routes = std::max(load.other_routes, 1u);
    const std::vector<IpPrefix> sent = std::move(bed->prefixes_);
    if (Status status = bed->FillRoutes(other, seed); !status.ok()) return status;
    bed->prefixes_ = sent;
  }
  if (load.services > 0) bed->FillServices(load);
  return bed;
}

Status Testbed::FillRoutes(const Load& load, uint64_t seed) {
  std::mt19937_64 random(seed);
  prefixes_ = BenchPrefixes(load.ipv6, load.routes + load.churn, random);
  router::RibRoute route;
  for (unsigned n = 0; n < load.next_hops; ++n) {
    router::RibNexthop nexthop;
    nexthop.gateway = BenchGateway(load.ipv6, n);
    nexthop.port = kOutPort;
    route.nexthops.push_back(nexthop);
  }
  // A file's frames may go anywhere.
  if (load.replay != nullptr) {
    prefixes_.emplace_back(load.ipv6 ? IpAddress(Ipv6Address{}) : IpAddress(Ipv4Address{}), 0);
  }
  for (const IpPrefix& prefix : prefixes_) {
    route.prefix = prefix;
    if (Status status = rib_->main().UpsertRoute(route); !status.ok()) return status;
  }
  if (load.churn > 0) {
    std::vector<IpPrefix> flapping(prefixes_.begin() + load.routes, prefixes_.end());
    prefixes_.resize(load.routes);
    churn_ = std::make_unique<RouteChurn>(*rib_, dataplane_->qsbr(), std::move(flapping), route);
  }
  for (unsigned n = 0; n < load.next_hops; ++n) {
    rib_->SetNeighbor(kOutPort, BenchGateway(load.ipv6, n), kNeighborMac);
  }
  return Status::Ok();
}

void Testbed::FillServices(const Load& load) {
  if (load.l2dsr) {
    router::RibRoute connected;
    connected.prefix = IpPrefix(Ipv4Address{0x0a020000}, 16);
    connected.action = router::NexthopAction::kGlean;
    router::RibNexthop nexthop;
    nexthop.port = kOutPort;
    connected.nexthops = {nexthop};
    (void)rib_->main().UpsertRoute(connected);
    for (unsigned b = 0; b < load.backends; ++b) {
      rib_->SetNeighbor(kOutPort, BenchNeighbor(b), kNeighborMac);
    }
  }
  lb::LbConfig config;
  for (unsigned s = 0; s < load.services; ++s) {
    lb::ServiceConfig service;
    service.name = "s" + std::to_string(s);
    service.vips = {BenchVip(load.ipv6, s)};
    service.ports = lb::PortRange::One(80);
    service.forward = load.l2dsr ? lb::ForwardMode::kL2dsr : lb::ForwardMode::kIpip;
    service.source.ipv4 = Ipv4Address{0x0aff0001};
    service.source.ipv6 = BenchGateway(true, 0xff).v6();
    // Ten pools at most: services that share a pool share its Maglev table.
    std::mt19937_64 random(s % 10);
    for (unsigned b = 0; b < load.backends; ++b) {
      service.backends.push_back(
          {.name = "b" + std::to_string(b),
           .address =
               load.l2dsr ? BenchNeighbor(b) : AddressIn(prefixes_[b % prefixes_.size()], random)});
    }
    config.services.push_back(std::move(service));
  }
  std::vector<const lb::ConnectionTable*> connections;
  std::vector<const lb::LbCounters*> counters;
  for (unsigned l = 0; l < dataplane_->lcore_count(); ++l) {
    connections.push_back(dataplane_->lcore(l).lb().connections.get());
    counters.push_back(&dataplane_->lcore(l).lb().counters);
  }
  services_ = std::make_unique<lb::ServiceManager>(dataplane_->services(), dataplane_->qsbr(),
                                                   connections, counters);
  const auto apply = [this](const lb::LbConfig& with) {
    (void)services_->Apply(with, std::chrono::steady_clock::now(),
                           std::chrono::system_clock::now());
  };
  if (load.kept) {
    // Nobody moves the manager's time on, so the table of the one backend is kept for ever.
    lb::LbConfig before = config;
    for (lb::ServiceConfig& service : before.services) service.backends.resize(1);
    apply(before);
  }
  apply(config);
}

uint64_t Testbed::received() const {
  return dataplane_->lcore(0).context().ledger()[PortSource(kInPort)].entered;
}

uint64_t Testbed::transmitted() const {
  return dataplane_->lcore(0).context().ledger()[PortSource(kInPort)].tx;
}

std::string Testbed::Losses() const {
  std::string text;
  const auto add = [&](uint64_t n, std::string_view what) {
    if (n == 0) return;
    text += (text.empty() ? "" : ", ") + std::to_string(n) + " " + std::string(what);
  };
  for (unsigned l = 0; l < dataplane_->lcore_count(); ++l) {
    const Ledger& ledger = dataplane_->lcore(l).context().ledger();
    for (const SourceLedger& source : ledger.sources) {
      for (size_t r = 0; r < kDropReasonCount; ++r) {
        add(source.drops[r], Info(static_cast<DropReason>(r)).label);
      }
      add(source.handed_over, "handed over or punted");
    }
    add(ledger[kGeneratedSource].entered, "ICMP errors made");
  }
  return text;
}

}  // namespace flyover
