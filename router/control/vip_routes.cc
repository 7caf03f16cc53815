#include "router/control/vip_routes.h"

#include <linux/rtnetlink.h>

#include <utility>

#include "router/control/protocol_numbers.h"

namespace flyover::router {

Result<VipRoutes> VipRoutes::Open(const std::string& network_namespace, uint32_t table) {
  Result<netlink::Socket> socket = netlink::Socket::Open({.network_namespace = network_namespace,
                                                          .groups = {},
                                                          .receive_buffer_bytes = 0,
                                                          .strict = true});
  if (!socket.ok()) return socket.status();
  return VipRoutes(std::move(*socket), table);
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
    if (route.type == RTN_BLACKHOLE && missing.erase(route.destination) == 1) continue;
    netlink::RouteSpec spec;
    spec.destination = route.destination;
    spec.type = route.type;
    spec.table = table_;
    spec.protocol = kVipProtocol;
    spec.metric = route.metric;
    const Status status = socket_.Execute(netlink::RemoveRoute(spec));
    if (status.code() != StatusCode::kNotFound) note("remove VIP route ", spec.destination, status);
  }
  for (const IpPrefix& vip : missing) {
    netlink::RouteSpec spec;
    spec.destination = vip;
    spec.type = RTN_BLACKHOLE;
    spec.table = table_;
    spec.protocol = kVipProtocol;
    const Status status = socket_.Execute(netlink::AddRoute(spec, netlink::RouteWrite::kAdd));
    note("VIP route ", spec.destination, status);
  }
  return errors;
}

}  // namespace flyover::router
