#include "lb/testing/services.h"

#include <gtest/gtest.h>

#include "lb/testing/packets.h"

namespace flyover::lb {

TestServices::TestServices(unsigned lcore_count, uint64_t tsc_hz)
    : lcores(std::move(
          MakeLbLcores(lcore_count, kTestCapacity * lcore_count, KeyFromSeed(kTestSeed, 1), tsc_hz)
              .value())) {
  std::vector<const ConnectionTable*> tables;
  std::vector<const LbCounters*> counters;
  for (const auto& lcore : lcores) {
    tables.push_back(lcore->connections.get());
    counters.push_back(&lcore->counters);
  }
  manager = std::make_unique<ServiceManager>(published, qsbr, tables, counters);
}

void TestServices::Apply(const LbConfig& config) {
  const Status status = manager->Apply(config, now, {});
  ASSERT_TRUE(status.ok()) << status.message();
}

BackendInfo TestServices::Info(const std::string& service, const std::string& backend) const {
  for (BackendInfo& info : manager->Backends()) {
    if (info.service == service && info.name == backend) return info;
  }
  ADD_FAILURE() << "no backend " << backend << " in " << service;
  return {};
}

void TestServices::Report(const std::string& service, const std::string& backend,
                          HealthState state) {
  const BackendInfo info = Info(service, backend);
  for (const HealthTarget& target : manager->HealthTargets()) {
    if (target.address != info.address) continue;
    const std::vector<HealthEvent> events = {{target, state, "test", {}}};
    manager->OnHealthEvents(events);
  }
}

LbConfig TwoBackends(ForwardMode forward, IpFamily family) {
  LbConfig config;
  config.seed = kTestSeed;
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp}) {
    ServiceConfig service;
    service.name = protocol == Protocol::kTcp ? "tcp" : "udp";
    service.vips = {Ip("192.0.2.1"), Ip("2001:db8:100::1")};
    service.protocol = protocol;
    service.ports = PortRange::One(80);
    service.forward = forward;
    service.source.ipv4 = Ip("10.255.0.1").v4();
    service.source.ipv6 = Ip("2001:db8:ff::1").v6();
    const bool v4 = family == IpFamily::kIpv4;
    service.backends = {{"b1", Ip(v4 ? "10.2.0.11" : "2001:db8:2::11"), 100},
                        {"b2", Ip(v4 ? "10.2.0.12" : "2001:db8:2::12"), 100}};
    service.health.kind = HealthConfig::Kind::kTcp;
    config.services.push_back(service);
  }
  return config;
}

}  // namespace flyover::lb
