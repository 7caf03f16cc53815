// VIPs inside a port's subnet as host addresses on its TAP, so that the kernel answers ARP and ND
// for them. /32 or /128, without a prefix route, without DAD (several boxes may share a VIP),
// deprecated (never the source of the box's own connections), and marked with kVipProtocol.
//
// Threads: the control thread.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "common/netlink/socket.h"

namespace flyover::router {

class VipAddresses {
 public:
  struct PortTap {
    PortIndex port;
    std::string tap;
  };
  // Removes VIP addresses that an earlier process left on any of the TAPs and are not in `keep`.
  static Result<VipAddresses> Open(const std::string& network_namespace, std::vector<PortTap> ports,
                                   const std::set<std::pair<PortIndex, IpAddress>>& keep);

  // Ok when it is there afterwards. An address that somebody else put there is kFailedPrecondition.
  Status Add(PortIndex port, const IpAddress& vip);
  // Ok when it is not there afterwards.
  Status Remove(PortIndex port, const IpAddress& vip);
  // Puts back what the kernel lost with a TAP that was removed or (IPv6) reset.
  std::vector<Status> Reapply();

 private:
  VipAddresses(netlink::Socket socket, std::vector<PortTap> ports)
      : socket_(std::move(socket)), ports_(std::move(ports)) {}
  Result<int> IfIndexOf(PortIndex port);

  netlink::Socket socket_;
  std::vector<PortTap> ports_;
  std::set<std::pair<PortIndex, IpAddress>> vips_;
};

}  // namespace flyover::router
