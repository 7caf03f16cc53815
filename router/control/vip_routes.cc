#include "router/control/vip_routes.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/namespace/namespace.h"
#include "router/control/protocol_numbers.h"

namespace flyover::router {
namespace {

struct Device {
  UniqueFd fd;
  int if_index;
};

Status Failed(const char* what) {
  return ErrnoStatus(errno == EPERM ? StatusCode::kPermissionDenied : StatusCode::kUnavailable,
                     std::string("device of VIP routes: ") + what, errno);
}

// Not persistent, and up. The kernel chooses the number in its name: there may be other daemons.
Result<Device> MakeDevice() {
  Device device{UniqueFd(open("/dev/net/tun", O_RDWR | O_CLOEXEC)), 0};
  if (!device.fd.valid()) return Failed("open /dev/net/tun");
  ifreq request{};
  std::strncpy(request.ifr_name, "vips%d", sizeof(request.ifr_name) - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(device.fd.get(), TUNSETIFF, &request) != 0) return Failed("make it");
  const UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (ioctl(control.get(), SIOCGIFFLAGS, &request) != 0) return Failed("flags");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) return Failed("set it up");
  if (ioctl(control.get(), SIOCGIFINDEX, &request) != 0) return Failed("index");
  device.if_index = request.ifr_ifindex;
  return device;
}

}  // namespace

Result<VipRoutes> VipRoutes::Open(const std::string& network_namespace, uint32_t table) {
  Result<netlink::Socket> socket = netlink::Socket::Open({.network_namespace = network_namespace,
                                                          .groups = {},
                                                          .receive_buffer_bytes = 0,
                                                          .strict = true});
  if (!socket.ok()) return socket.status();
  Result<Device> device = InNamespace(network_namespace, MakeDevice);
  if (!device.ok()) return device.status();
  return VipRoutes(std::move(*socket), table, std::move(device->fd), device->if_index);
}

std::vector<Status> VipRoutes::Apply(const std::set<IpPrefix>& vips) {
  std::vector<Status> errors;
  std::vector<netlink::RouteMessage> existing;
  for (const uint8_t family : netlink::kIpFamilies) {
    // Only ours: the table may be the main one with a million routes.
    const auto outcome =
        socket_.Dump(netlink::DumpRoutesOf(family, table_, kVipProtocol), [&](netlink::Bytes b) {
          auto route = netlink::ParseRoute(b);
          if (!route || route->protocol != kVipProtocol || route->table != table_) return;
          existing.push_back(*std::move(route));
        });
    // A table that nobody has used yet is not there.
    if (!outcome.ok() && outcome.status().code() != StatusCode::kNotFound) {
      errors.push_back(outcome.status());
      return errors;
    }
  }
  const auto note = [&](const char* what, const IpPrefix& prefix, const Status& status) {
    if (!status.ok()) {
      errors.emplace_back(status.code(), what + prefix.ToString() + ": " + status.message());
    }
  };
  std::set<IpPrefix> missing = vips;
  for (const netlink::RouteMessage& route : existing) {
    const bool right = route.type == RTN_UNICAST && route.nexthops.size() == 1 &&
                       route.nexthops[0].if_index == if_index_;
    if (right && missing.erase(route.destination) == 1) continue;
    netlink::RouteSpec spec;
    spec.destination = route.destination;
    spec.type = route.type;
    spec.table = table_;
    spec.protocol = kVipProtocol;
    spec.metric = route.metric;
    spec.nexthops = route.nexthops;
    const Status status = socket_.Execute(netlink::RemoveRoute(spec));
    if (status.code() != StatusCode::kNotFound) note("remove VIP route ", spec.destination, status);
  }
  for (const IpPrefix& vip : missing) {
    netlink::RouteSpec spec;
    spec.destination = vip;
    spec.nexthops.push_back({.gateway = std::nullopt, .if_index = if_index_});
    spec.table = table_;
    spec.protocol = kVipProtocol;
    const Status status = socket_.Execute(netlink::AddRoute(spec, netlink::RouteWrite::kAdd));
    note("VIP route ", spec.destination, status);
  }
  return errors;
}

}  // namespace flyover::router
