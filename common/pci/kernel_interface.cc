#include "common/pci/kernel_interface.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <nlohmann/json.hpp>

#include "common/netlink/socket.h"

namespace flyover {
namespace {

using nlohmann::json;

// A request that changes the link; flags outside `change` stay.
netlink::Request ChangeLink(int if_index, uint32_t flags = 0, uint32_t change = 0) {
  netlink::Request request(RTM_NEWLINK, 0);
  ifinfomsg link{};
  link.ifi_family = AF_UNSPEC;
  link.ifi_index = if_index;
  link.ifi_flags = flags;
  link.ifi_change = change;
  request.PutFixed(link);
  return request;
}

// An address that an administrator gave, and that the kernel does not make by itself.
bool Permanent(const netlink::AddressMessage& message) {
  const bool automatic =
      message.scope == RT_SCOPE_LINK && message.address.address.family() == IpFamily::kIpv6;
  return (message.flags & IFA_F_PERMANENT) != 0 && !automatic;
}

std::optional<InterfaceRoute> StaticRoute(const netlink::RouteMessage& message, int if_index) {
  if (message.type != RTN_UNICAST || message.has_source || message.tos != 0 ||
      message.nexthop_id != 0 || message.nexthops.size() != 1) {
    return std::nullopt;
  }
  if (message.protocol != RTPROT_BOOT && message.protocol != RTPROT_STATIC) return std::nullopt;
  const netlink::RouteNexthop& hop = message.nexthops.front();
  if (hop.if_index != if_index || hop.encapsulated) return std::nullopt;
  return InterfaceRoute{.to = message.destination,
                        .via = hop.gateway,
                        .metric = message.metric,
                        .table = message.table,
                        .mtu = message.mtu,
                        .protocol = message.protocol,
                        .onlink = (hop.flags & RTNH_F_ONLINK) != 0};
}

netlink::RouteSpec SpecOf(const InterfaceRoute& route, int if_index) {
  netlink::RouteSpec spec;
  spec.destination = route.to;
  spec.table = route.table;
  spec.protocol = route.protocol;
  spec.metric = route.metric;
  spec.mtu = route.mtu;
  netlink::RouteNexthop hop;
  hop.gateway = route.via;
  hop.if_index = if_index;
  if (route.onlink) hop.flags = RTNH_F_ONLINK;
  spec.nexthops.push_back(hop);
  return spec;
}

// Faults, one behind the other.
class Faults {
 public:
  void Add(const std::string& what, const Status& status) {
    if (status.ok() || status.code() == StatusCode::kAlreadyExists) return;
    text_ += (text_.empty() ? "" : "; ") + what + ": " + status.message();
  }
  Status status() const {
    return text_.empty() ? Status::Ok() : Status(StatusCode::kUnavailable, text_);
  }

 private:
  std::string text_;
};

Status Rename(netlink::Socket& socket, int if_index, const std::string& name) {
  // Before Linux 6.2 only an interface that is down can be renamed.
  if (Status down = socket.Execute(ChangeLink(if_index, 0, IFF_UP)); !down.ok()) return down;
  netlink::Request request = ChangeLink(if_index);
  request.PutText(IFLA_IFNAME, name);
  return socket.Execute(std::move(request));
}

}  // namespace

Result<KernelInterface> ReadInterface(const std::string& name) {
  const auto if_index = static_cast<int>(if_nametoindex(name.c_str()));
  if (if_index == 0) return Status(StatusCode::kNotFound, "no interface " + name);
  auto socket = netlink::Socket::Open({});
  if (!socket.ok()) return socket.status();
  KernelInterface interface;
  auto dumped = socket->Dump(netlink::DumpLinks(), [&](netlink::Bytes bytes) {
    const auto link = netlink::ParseLink(bytes);
    if (!link || link->if_index != if_index) return;
    interface.name = link->name;
    interface.mac = link->mac.value_or(MacAddress{});
    interface.mtu = link->mtu;
    interface.up = link->admin_up();
  });
  for (const uint8_t family : netlink::kIpFamilies) {
    if (!dumped.ok()) return dumped.status();
    dumped = socket->Dump(netlink::DumpAddresses(family), [&](netlink::Bytes bytes) {
      const auto address = netlink::ParseAddress(bytes);
      if (address && address->if_index == if_index && Permanent(*address)) {
        interface.addresses.push_back(address->address);
      }
    });
    if (!dumped.ok()) return dumped.status();
    dumped = socket->Dump(netlink::DumpRoutes(family), [&](netlink::Bytes bytes) {
      const auto message = netlink::ParseRoute(bytes);
      const auto route = message ? StaticRoute(*message, if_index) : std::nullopt;
      if (route) interface.routes.push_back(*route);
    });
  }
  if (!dumped.ok()) return dumped.status();
  return interface;
}

Status RestoreInterface(const std::string& present, const KernelInterface& wanted) {
  const auto if_index = static_cast<int>(if_nametoindex(present.c_str()));
  if (if_index == 0) return {StatusCode::kNotFound, "no interface " + present};
  auto socket = netlink::Socket::Open({});
  if (!socket.ok()) return socket.status();
  Faults faults;
  if (present != wanted.name) {
    faults.Add("name " + wanted.name, Rename(*socket, if_index, wanted.name));
  }
  const auto now = ReadInterface(present != wanted.name ? wanted.name : present);
  if (!wanted.mac.IsZero() && now.ok() && now->mac != wanted.mac) {
    netlink::Request request = ChangeLink(if_index);
    request.Put(IFLA_ADDRESS, wanted.mac.bytes.data(), wanted.mac.bytes.size());
    faults.Add("MAC " + wanted.mac.ToString(), socket->Execute(std::move(request)));
  }
  if (wanted.mtu != 0 && now.ok() && now->mtu != wanted.mtu) {
    netlink::Request request = ChangeLink(if_index);
    request.PutU32(IFLA_MTU, wanted.mtu);
    faults.Add("mtu " + std::to_string(wanted.mtu), socket->Execute(std::move(request)));
  }
  if (wanted.up) faults.Add("up", socket->Execute(ChangeLink(if_index, IFF_UP, IFF_UP)));
  for (const InterfaceAddress& address : wanted.addresses) {
    netlink::AddressSpec spec;
    spec.if_index = if_index;
    spec.address = address;
    faults.Add("address " + address.ToString(), socket->Execute(netlink::AddAddress(spec)));
  }
  // A route may need another one that leads to its gateway: twice.
  std::vector<InterfaceRoute> refused;
  for (const InterfaceRoute& route : wanted.routes) {
    const Status added =
        socket->Execute(netlink::AddRoute(SpecOf(route, if_index), netlink::RouteWrite::kAdd));
    if (!added.ok() && added.code() != StatusCode::kAlreadyExists) refused.push_back(route);
  }
  for (const InterfaceRoute& route : refused) {
    faults.Add(
        "route " + route.to.ToString(),
        socket->Execute(netlink::AddRoute(SpecOf(route, if_index), netlink::RouteWrite::kAdd)));
  }
  return faults.status();
}

json ToJson(const KernelInterface& interface) {
  json addresses = json::array(), routes = json::array();
  for (const InterfaceAddress& address : interface.addresses) {
    addresses.push_back(address.ToString());
  }
  for (const InterfaceRoute& route : interface.routes) {
    routes.push_back({{"to", route.to.ToString()},
                      {"via", route.via ? route.via->ToString() : ""},
                      {"metric", route.metric},
                      {"table", route.table},
                      {"mtu", route.mtu},
                      {"protocol", route.protocol},
                      {"onlink", route.onlink}});
  }
  return {{"name", interface.name}, {"mac", interface.mac.ToString()}, {"mtu", interface.mtu},
          {"up", interface.up},     {"addresses", addresses},          {"routes", routes}};
}

std::optional<KernelInterface> InterfaceFromJson(const json& value) {
  try {
    KernelInterface interface;
    interface.name = value.at("name").get<std::string>();
    const auto mac = MacAddress::Parse(value.at("mac").get<std::string>());
    if (interface.name.empty() || interface.name.size() >= IFNAMSIZ || !mac) return std::nullopt;
    interface.mac = *mac;
    interface.mtu = value.at("mtu").get<uint32_t>();
    interface.up = value.at("up").get<bool>();
    for (const json& text : value.at("addresses")) {
      const auto address = InterfaceAddress::Parse(text.get<std::string>());
      if (!address) return std::nullopt;
      interface.addresses.push_back(*address);
    }
    for (const json& entry : value.at("routes")) {
      const auto to = IpPrefix::Parse(entry.at("to").get<std::string>());
      const auto via_text = entry.at("via").get<std::string>();
      const auto via = IpAddress::Parse(via_text);
      if (!to || (!via && !via_text.empty())) return std::nullopt;
      interface.routes.push_back({.to = *to,
                                  .via = via,
                                  .metric = entry.at("metric").get<uint32_t>(),
                                  .table = entry.at("table").get<uint32_t>(),
                                  .mtu = entry.at("mtu").get<uint32_t>(),
                                  .protocol = entry.at("protocol").get<uint8_t>(),
                                  .onlink = entry.at("onlink").get<bool>()});
    }
    return interface;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

}  // namespace flyover
