// The thing under the clock: a data plane, mostly of one lcore, two ports and the tables of a load.
// The same Dataplane that the daemon runs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lb/control/service_manager.h"
#include "router/rib/rib.h"
#include "tools/flyover_bench/route_churn.h"
#include "tools/flyover_bench/traffic.h"
#include "tools/flyoverd/dataplane/dataplane.h"

namespace flyover {

inline constexpr PortIndex kInPort{0};
inline constexpr PortIndex kOutPort{1};

class Testbed {
 public:
  // Devices are DPDK's: names of ports that exist, or vdev strings. The prefixes of a load's routes
  // are chosen by `seed`. With several lcores each device has a pair of queues for each.
  static Result<std::unique_ptr<Testbed>> Create(const Load& load, const std::string& in_device,
                                                 const std::string& out_device, uint32_t mbufs,
                                                 uint64_t seed, unsigned lcores = 1);

  Dataplane& dataplane() { return *dataplane_; }
  Lcore& lcore() { return dataplane_->lcore(0); }
  const std::vector<IpPrefix>& prefixes() const { return prefixes_; }
  router::Rib& rib() { return *rib_; }
  // Null unless the load has routes that flap.
  RouteChurn* churn() { return churn_.get(); }
  uint64_t received() const;
  uint64_t transmitted() const;
  // Every packet that left the path other than by a port, with its reason; "" for none. The path
  // gives what was held or punted too.
  std::string Losses() const;

 private:
  Status FillRoutes(const Load& load, uint64_t seed);
  void FillServices(const Load& load);

  std::unique_ptr<Dataplane> dataplane_;
  std::unique_ptr<router::Rib> rib_;
  std::unique_ptr<lb::ServiceManager> services_;
  std::vector<IpPrefix> prefixes_;
  std::unique_ptr<RouteChurn> churn_;
};

}  // namespace flyover
