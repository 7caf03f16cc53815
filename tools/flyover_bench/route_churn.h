// Routes that are withdrawn and announced again and again on another CPU, as a BGP session that
// flaps would, while the lcore is measured.
//
// Threads: Start and Stop by one thread, which must not touch the RIB in between; the changes are
// made by a thread of the object, which is the RIB's only writer meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "common/net/ip_prefix.h"
#include "common/rcu/qsbr_domain.h"
#include "router/rib/rib.h"

namespace flyover {

class RouteChurn {
 public:
  // Of `prefixes`, with the next hops of `like`. All are there before Start and after Stop.
  RouteChurn(router::Rib& rib, QsbrDomain& qsbr, std::vector<IpPrefix> prefixes,
             router::RibRoute like)
      : rib_(rib), qsbr_(qsbr), prefixes_(std::move(prefixes)), route_(std::move(like)) {}
  ~RouteChurn() { Stop(); }

  // Comes back when the first routes have changed. Error: there is no CPU but the caller's.
  Status Start();
  // Changes made since Start.
  uint64_t Stop();

 private:
  void Run();
  void Announce(const IpPrefix& prefix);

  router::Rib& rib_;
  QsbrDomain& qsbr_;
  const std::vector<IpPrefix> prefixes_;
  router::RibRoute route_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> changes_{0};
  std::thread thread_;
};

}  // namespace flyover
