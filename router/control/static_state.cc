#include "router/control/static_state.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <map>

#include "router/control/protocol_numbers.h"

namespace flyover::router {
namespace {

using netlink::AddressMessage;
using netlink::AddressSpec;
using netlink::Bytes;
using netlink::RouteMessage;
using netlink::RouteSpec;
using netlink::RouteWrite;

constexpr uint32_t kDefaultIpv6Metric = 1024;  // what the kernel makes of 0

uint8_t KernelType(StaticRouteType type) {
  switch (type) {
    case StaticRouteType::kUnicast:
      return RTN_UNICAST;
    case StaticRouteType::kBlackhole:
      return RTN_BLACKHOLE;
    case StaticRouteType::kUnreachable:
      return RTN_UNREACHABLE;
    case StaticRouteType::kProhibit:
      return RTN_PROHIBIT;
  }
  return RTN_UNSPEC;
}

// The same next hops, whatever their order and the flags of the moment; an interface that the
// document leaves to the kernel is any.
bool SameNexthops(const RouteSpec& wanted, const RouteMessage& kernel) {
  if (wanted.type != RTN_UNICAST) return true;
  if (wanted.nexthops.size() != kernel.nexthops.size()) return false;
  const bool weighted = wanted.nexthops.size() > 1;
  std::vector<bool> used(kernel.nexthops.size());
  for (const netlink::RouteNexthop& w : wanted.nexthops) {
    bool found = false;
    for (size_t i = 0; i < used.size() && !found; ++i) {
      const netlink::RouteNexthop& k = kernel.nexthops[i];
      if (used[i] || w.gateway != k.gateway || (weighted && w.weight != k.weight)) continue;
      if (w.if_index != 0 && w.if_index != k.if_index) continue;
      found = used[i] = true;
    }
    if (!found) return false;
  }
  return true;
}

RouteSpec SpecOfMessage(const RouteMessage& m) {
  RouteSpec spec;
  spec.destination = m.destination;
  spec.type = m.type;
  spec.table = m.table;
  spec.protocol = m.protocol;
  spec.metric = m.metric;
  if (m.type == RTN_UNICAST) spec.nexthops = m.nexthops;
  for (netlink::RouteNexthop& n : spec.nexthops) n.flags = 0;
  return spec;
}

Status Prefixed(const std::string& what, const Status& status) {
  return {status.code(), what + ": " + status.message()};
}

using RouteKey = std::pair<IpPrefix, uint32_t>;

}  // namespace

Result<StaticState> StaticState::Open(const std::string& network_namespace) {
  // Strict: of a full table the kernel then sends our routes only.
  Result<netlink::Socket> socket = netlink::Socket::Open({.network_namespace = network_namespace,
                                                          .groups = {},
                                                          .receive_buffer_bytes = 0,
                                                          .strict = true});
  if (!socket.ok()) return socket.status();
  return StaticState(std::move(*socket));
}

std::vector<Status> StaticState::Apply(std::vector<StaticPort> ports,
                                       std::vector<StaticRoute> routes) {
  applied_ = true;
  ports_ = std::move(ports);
  routes_ = std::move(routes);
  return Reapply();
}

std::vector<Status> StaticState::Reapply() {
  std::vector<Status> errors;
  if (!applied_) return errors;
  const Status links = FindLinks();
  if (!links.ok()) {
    errors.push_back(links);
    return errors;
  }
  ApplyAddresses(errors);
  ApplyRoutes(errors);
  return errors;
}

Status StaticState::FindLinks() {
  if_indexes_.assign(ports_.size(), 0);
  const auto outcome = socket_.Dump(netlink::DumpLinks(), [this](Bytes b) {
    const auto link = netlink::ParseLink(b);
    if (!link) return;
    for (size_t i = 0; i < ports_.size(); ++i) {
      if (ports_[i].tap == link->name) if_indexes_[i] = link->if_index;
    }
  });
  return outcome.status();
}

int StaticState::IfIndexOf(PortIndex port) const {
  for (size_t i = 0; i < ports_.size(); ++i) {
    if (ports_[i].port == port) return if_indexes_[i];
  }
  return 0;
}

Status StaticState::DumpAddresses(std::vector<AddressMessage>& out) {
  out.clear();
  for (const uint8_t family : netlink::kIpFamilies) {
    const auto outcome = socket_.Dump(netlink::DumpAddresses(family), [&](Bytes b) {
      if (auto address = netlink::ParseAddress(b)) out.push_back(*address);
    });
    if (!outcome.ok()) return outcome.status();
  }
  return Status::Ok();
}

void StaticState::ApplyAddresses(std::vector<Status>& errors) {
  std::vector<AddressMessage> existing;
  Status status = DumpAddresses(existing);
  if (!status.ok()) {
    errors.push_back(status);
    return;
  }
  const auto wanted = [this](const AddressMessage& m) {
    for (size_t i = 0; i < ports_.size(); ++i) {
      if (if_indexes_[i] == m.if_index) {
        return std::ranges::find(ports_[i].addresses, m.address) != ports_[i].addresses.end();
      }
    }
    return false;
  };
  // First away with what is old: with a primary IPv4 address its secondaries go too, new ones
  // among them.
  bool removed = false;
  for (const AddressMessage& m : existing) {
    if (m.protocol != kStaticProtocol || wanted(m)) continue;
    status = socket_.Execute(netlink::RemoveAddress({m.if_index, m.address, 0, 0, false}));
    if (!status.ok() && status.code() != StatusCode::kNotFound) {
      errors.push_back(Prefixed("remove address " + m.address.ToString(), status));
    }
    removed = true;
  }
  if (removed && !(status = DumpAddresses(existing)).ok()) {
    errors.push_back(status);
    return;
  }
  for (size_t i = 0; i < ports_.size(); ++i) {
    const StaticPort& port = ports_[i];
    if (if_indexes_[i] == 0) {
      errors.emplace_back(StatusCode::kNotFound, "interface " + port.tap + " is not there");
      continue;
    }
    for (const InterfaceAddress& address : port.addresses) {
      const auto there = [&](const AddressMessage& m) {
        return m.if_index == if_indexes_[i] && m.address == address;
      };
      if (std::ranges::any_of(existing, there)) continue;
      AddressSpec spec;
      spec.if_index = if_indexes_[i];
      spec.address = address;
      spec.protocol = kStaticProtocol;
      status = socket_.Execute(netlink::AddAddress(spec));
      if (!status.ok() && status.code() != StatusCode::kAlreadyExists) {
        errors.push_back(Prefixed("address " + address.ToString() + " on " + port.tap, status));
      }
    }
  }
}

Result<RouteSpec> StaticState::SpecOf(const StaticRoute& route) const {
  RouteSpec spec;
  spec.destination = route.to;
  spec.type = KernelType(route.type);
  spec.table = RT_TABLE_MAIN;
  spec.protocol = kStaticProtocol;
  spec.metric = route.metric;
  if (route.metric == 0 && route.to.family() == IpFamily::kIpv6) spec.metric = kDefaultIpv6Metric;
  for (const StaticNexthop& nexthop : route.nexthops) {
    netlink::RouteNexthop n;
    n.gateway = nexthop.gateway;
    n.weight = nexthop.weight;
    if (nexthop.port) {
      n.if_index = IfIndexOf(*nexthop.port);
      if (n.if_index == 0) {
        return Status(StatusCode::kNotFound, "the interface of its port is not there");
      }
    }
    spec.nexthops.push_back(n);
  }
  return spec;
}

void StaticState::ApplyRoutes(std::vector<Status>& errors) {
  std::multimap<RouteKey, RouteMessage> ours;
  for (const uint8_t family : netlink::kIpFamilies) {
    const netlink::Request request = netlink::DumpRoutesOf(family, RT_TABLE_MAIN, kStaticProtocol);
    const auto outcome = socket_.Dump(request, [&](Bytes b) {
      const auto m = netlink::ParseRoute(b);
      if (!m || m->protocol != kStaticProtocol || (m->flags & RTM_F_CLONED) != 0) return;
      ours.emplace(RouteKey(m->destination, m->metric), *m);
    });
    // A table that has never had a route.
    if (!outcome.ok() && outcome.status().code() != StatusCode::kNotFound) {
      errors.push_back(outcome.status());
      return;
    }
  }
  // Wanted routes, and of ours those that are wanted as they are.
  std::vector<std::pair<const StaticRoute*, RouteSpec>> missing;
  for (const StaticRoute& route : routes_) {
    Result<RouteSpec> spec = SpecOf(route);
    if (!spec.ok()) {
      errors.push_back(Prefixed("route " + route.to.ToString(), spec.status()));
      continue;
    }
    const auto [first, last] = ours.equal_range(RouteKey(spec->destination, spec->metric));
    const auto same = std::find_if(first, last, [&](const auto& entry) {
      return entry.second.type == spec->type && entry.second.table == spec->table &&
             SameNexthops(*spec, entry.second);
    });
    if (same != last) {
      ours.erase(same);
    } else {
      missing.emplace_back(&route, std::move(*spec));
    }
  }
  for (const auto& [route, spec] : missing) {
    // One of ours with that key is replaced in one step: no packet meets a gap.
    const auto old = ours.find(RouteKey(spec.destination, spec.metric));
    const bool replaces = old != ours.end() && old->second.table == spec.table;
    const Status status = socket_.Execute(
        netlink::AddRoute(spec, replaces ? RouteWrite::kReplace : RouteWrite::kAdd));
    if (status.ok()) {
      if (replaces) ours.erase(old);
    } else if (status.code() == StatusCode::kAlreadyExists) {
      errors.emplace_back(StatusCode::kAlreadyExists,
                          "route " + spec.destination.ToString() + " metric " +
                              std::to_string(spec.metric) +
                              ": the kernel has one that is not of this document; it stays");
    } else {
      errors.push_back(Prefixed("route " + spec.destination.ToString(), status));
    }
  }
  for (const auto& [key, m] : ours) {
    const Status status = socket_.Execute(netlink::RemoveRoute(SpecOfMessage(m)));
    if (!status.ok() && status.code() != StatusCode::kNotFound) {
      errors.push_back(Prefixed("remove route " + m.destination.ToString(), status));
    }
  }
}

}  // namespace flyover::router
