// VIPs as routes of the kernel, for routing daemons to redistribute: marked with kVipProtocol, in a
// table of the document's choice. The FIB never has them (RouteMirror leaves the protocol out), so
// that they serve BGP and OSPF and nothing else.
//
// They lead into a TUN device of this process that nobody reads. So they end with the process,
// however it ends: the kernel removes the device and all that points to it, and a box whose daemon
// was killed draws no traffic.
//
// What carries the number in that table and is not wanted is removed, whoever's process left it;
// nothing else is touched.
//
// Threads: the control thread. Each call waits for the kernel's answers (bounded).
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/net/ip_prefix.h"
#include "common/netlink/socket.h"
#include "common/tap/unique_fd.h"

namespace flyover::router {

class VipRoutes {
 public:
  static Result<VipRoutes> Open(const std::string& network_namespace, uint32_t table);

  // The table then has exactly these. Compares with what the kernel has, so that a route that
  // somebody took out comes back. One Status for each that could not be put or taken.
  std::vector<Status> Apply(const std::set<IpPrefix>& vips);

 private:
  VipRoutes(netlink::Socket socket, uint32_t table, UniqueFd device, int if_index)
      : socket_(std::move(socket)),
        table_(table),
        device_(std::move(device)),
        if_index_(if_index) {}

  netlink::Socket socket_;
  uint32_t table_;
  UniqueFd device_;  // there as long as this is open
  int if_index_;
};

}  // namespace flyover::router
