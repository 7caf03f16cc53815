#include "router/control/vip_routes.h"

#include <linux/rtnetlink.h>

#include <utility>

#include "common/namespace/namespace.h"
#include "common/tap/tun_device.h"
#include "router/control/protocol_numbers.h"

namespace flyover::router {

Result<VipRoutes> VipRoutes::Open(const std::string& network_namespace, uint32_t table) {
  Result<netlink::Socket> socket = netlink::Socket::Open({.network_namespace = network_namespace,
                                                          .groups = {},
                                                          .receive_buffer_bytes = 0,
                                                          .strict = true});
  if (!socket.ok()) return socket.status();
  // The kernel chooses the number in its name: there may be other daemons.
  Result<TunDevice> device =
      InNamespace(network_namespace, [] { return MakeTun({.name = "vips%d"}); });
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
