// The balancer's control pieces put together: services from the document, verdicts of the health
// checks, and VIPs made known on the links they lie on.
//
// Threads: control thread only.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "common/control/event_loop.h"
#include "lb/control/service_manager.h"
#include "lb/control/vip_announcer.h"
#include "lb/health/health_checker.h"
#include "router/control/kernel_addresses.h"
#include "router/control/vip_addresses.h"
#include "router/control/vip_routes.h"
#include "tools/flyoverd/daemon/start_error.h"
#include "tools/flyoverd/dataplane/dataplane.h"
#include "tools/flyoverd/document/document.h"

namespace flyover {

class BalancerSide {
 public:
  BalancerSide(EventLoop& loop, Dataplane& dataplane);

  std::optional<StartError> Start(const Document& document,
                                  const router::KernelAddresses& addresses);
  // Nothing has changed when this fails.
  Status Apply(const Document& document);
  // The kernel's addresses or a link changed: VIPs inside a subnet belong to that port's TAP.
  void PlaceVips(const router::KernelAddresses& addresses);

  lb::ServiceManager& manager() { return *manager_; }

  // Takes the routes of VIPs back: who sends packets here shall find another box.
  void Stop();
  // No VIP is announced to routing daemons while the box is drained.
  void SetBoxDrained(bool drained);
  bool box_drained() const { return announcer_.drained(); }
  bool announces() const { return vip_routes_.has_value(); }
  std::vector<lb::VipInfo> Vips() const { return announcer_.Show(); }

 private:
  using Placement = std::set<std::pair<PortIndex, IpAddress>>;
  Placement PlacementOf(const router::KernelAddresses& addresses) const;
  void AnnounceAll(const Placement& vips);
  Status FollowAnnounceConfig(const Document& document);
  // Brings the routes of VIPs to what the services' health asks for; `compare`: also when nothing
  // has changed, as somebody else may have changed the kernel's table.
  void UpdateRoutes(bool compare);

  EventLoop& loop_;
  Dataplane& dataplane_;
  std::unique_ptr<lb::ServiceManager> manager_;
  std::unique_ptr<lb::HealthChecker> checker_;
  std::optional<router::VipAddresses> vip_addresses_;
  Placement placed_;
  lb::VipAnnouncer announcer_;
  std::optional<lb::AnnounceConfig> announce_;
  std::optional<router::VipRoutes> vip_routes_;
  std::set<IpPrefix> routed_;
  unsigned ticks_ = 0;
  std::vector<EventLoop::Handle> handles_;
  EventLoop::Handle again_;  // the second round of announcements
};

}  // namespace flyover
