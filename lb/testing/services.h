// The balancer of a test without its packet path: lcores' state, and a service table made by the
// real manager.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/rcu/published.h"
#include "common/rcu/qsbr_domain.h"
#include "lb/control/service_manager.h"
#include "lb/datapath/lb_lcore.h"

namespace flyover::lb {

inline constexpr uint64_t kTestSeed = 5;
inline constexpr uint32_t kTestCapacity = 4096;  // flows an lcore remembers

class TestServices {
 public:
  TestServices(unsigned lcores, uint64_t tsc_hz);

  // Puts `config` in force.
  void Apply(const LbConfig& config);
  const ServiceTable& table() const { return *published.Load(); }
  BackendInfo Info(const std::string& service, const std::string& backend) const;
  BackendId IdOf(const std::string& service, const std::string& backend) const {
    return Info(service, backend).id;
  }
  // A verdict of the health checker on a backend.
  void Report(const std::string& service, const std::string& backend, HealthState state);

  ServiceManager::Clock::time_point now{};  // of the next Apply
  QsbrDomain qsbr{1};
  Published<ServiceTable> published;
  std::vector<std::unique_ptr<LbLcore>> lcores;
  std::unique_ptr<ServiceManager> manager;
};

// Services "tcp" and "udp" on port 80 of the VIPs 192.0.2.1 and 2001:db8:100::1, health checked,
// with backends b1 and b2 of `family`.
LbConfig TwoBackends(ForwardMode forward, IpFamily family);

}  // namespace flyover::lb
