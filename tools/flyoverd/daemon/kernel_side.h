// All that ties the data plane to the kernel: a TAP per port, the exception thread, routes and
// neighbours followed by netlink, the document's addresses and static routes (in one namespace for
// each VRF), and the port table that lcores read.
//
// Threads: control thread only.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "common/control/event_loop.h"
#include "common/tap/exception_thread.h"
#include "common/tap/tap_device.h"
#include "router/control/neighbor_keeper.h"
#include "router/rib/rib.h"
#include "tools/flyoverd/daemon/kernel_vrf.h"
#include "tools/flyoverd/daemon/start_error.h"
#include "tools/flyoverd/dataplane/dataplane.h"
#include "tools/flyoverd/document/document.h"

namespace flyover {

class KernelSide {
 public:
  // `on_addresses`: the kernel's addresses or a port's state changed (announcements, VIPs).
  KernelSide(EventLoop& loop, Dataplane& dataplane, std::function<void()> on_addresses);
  ~KernelSide();

  // TAPs, holder, exception thread, first dump, static state. The lcores do not run yet.
  // `lcore_cpus`: nothing runs there yet.
  std::optional<StartError> Start(const Document& document, const std::string& holder_socket,
                                  const std::vector<unsigned>& lcore_cpus);
  // Devices and lcores have been started.
  void Launched();
  // After the lcores stopped.
  void Stop();

  // The document's addresses, static routes and features of ports, now those of `document`. What
  // the kernel refuses is logged and tried again when a link comes up.
  void ApplyStatic(const Document& document);

  router::Rib& rib() { return *rib_; }
  router::KernelSync& sync(VrfIndex vrf = kMainVrf) { return vrfs_[vrf.value()]->sync(); }
  const router::KernelSync& sync(VrfIndex vrf = kMainVrf) const {
    return vrfs_[vrf.value()]->sync();
  }
  const std::vector<std::unique_ptr<KernelVrf>>& vrfs() const { return vrfs_; }
  // What the kernel of the port's VRF says of it.
  const router::PortAddresses& addresses(PortIndex port) const {
    return VrfOf(port).sync().addresses().ports[port.value()];
  }
  ExceptionThread& exception() { return *exception_; }
  bool PortUp(PortIndex port) const { return ports_[port.value()].up(); }
  bool AdminUp(PortIndex port) const { return ports_[port.value()].admin_up; }
  LinkState DeviceLink(PortIndex port) const { return ports_[port.value()].link; }

 private:
  struct PortState {
    bool present = false;
    VrfIndex vrf = kMainVrf;
    PortIndex device = kNoPort;  // itself, or the one that it is a sub-interface of
    std::optional<VlanConfig> vlan;
    std::optional<TunnelConfig> tunnel;  // then `device` is none
    MacAddress mac;
    std::vector<MacAddress> virtual_macs;
    uint16_t mtu = 1500;
    PortFeatures features;
    bool admin_up = true;
    LinkState link;
    std::unique_ptr<TapDevice> tap;
    bool up() const { return present && admin_up && link.up; }
    // As the RIB sees it. Until devices have been started, and had the time to find their link, it
    // is taken to be there, as the kernel's routes are: a full table would otherwise be filled,
    // emptied and filled again.
    bool up_for_routes(bool links_known) const { return links_known ? up() : present && admin_up; }
  };

  KernelVrf& VrfOf(PortIndex port) const { return *vrfs_[ports_[port.value()].vrf.value()]; }
  std::optional<StartError> OpenVrfs(const Document& document);
  std::optional<StartError> OpenTap(PortIndex index, const PortConfig& config,
                                    const std::string& holder_socket,
                                    std::vector<ExceptionTap>& taps);
  std::optional<StartError> StartSync(const Document& document,
                                      const std::vector<unsigned>& lcore_cpus);
  Status StartVrf(KernelVrf& vrf, const Document& document);
  void WatchKernel();
  void OnLinkChange(const router::PortLinkChange& change);
  // What `ip link set` did to a TAP, done to its port.
  Status ApplyAdminState(PortIndex port, bool up);
  Status ApplyMtu(PortIndex port, uint16_t mtu);
  void RecreateTap(PortIndex port);
  void PollDevices();
  // All links are up, or have had kLinkPatience since the launch.
  bool LinksSettled() const;
  LinkState LinkOf(PortIndex port);
  void ServeResolveRequests();
  void ReportUse();
  void PublishPorts();
  void SetVirtualMacs(PortIndex port, router::PortEntry& entry);
  void FollowBroadcasts();
  void ApplyStatic(KernelVrf& vrf, const Document& document);
  void LogRefused(const std::vector<Status>& refused);

  EventLoop& loop_;
  Dataplane& dataplane_;
  std::function<void()> on_addresses_;
  std::array<PortState, kMaxPorts> ports_;
  bool links_known_ = false;
  std::optional<std::chrono::steady_clock::time_point> launched_;
  std::string holder_socket_;
  std::unique_ptr<ExceptionThread> exception_;
  std::unique_ptr<router::Rib> rib_;
  std::vector<std::unique_ptr<KernelVrf>> vrfs_;  // by VrfIndex
  // Broadcast addresses that packets may be directed to, and the port that sends those.
  std::map<std::pair<VrfIndex, Ipv4Address>, PortIndex> broadcasts_;
  router::NeighborKeeper keeper_;
  std::vector<EventLoop::Handle> handles_;
};

}  // namespace flyover
