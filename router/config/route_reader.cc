#include "router/config/route_reader.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "common/config/address_check.h"
#include "common/config/machine_reader.h"

namespace flyover::router {
namespace {

constexpr uint32_t kDefaultIpv6Metric = 1024;  // what the kernel makes of 0 (IP6_RT_PRIO_USER)

bool IsLinkLocal(const IpAddress& address) { return address.is_v6() && address.v6().IsLinkLocal(); }

// RFC 1812 5.3.7, RFC 4291 2.4. Larger blocks that contain these (0.0.0.0/0) are fine.
bool IsNeverRouted(const IpPrefix& prefix) {
  static const std::vector<IpPrefix> kBlocks = [] {
    std::vector<IpPrefix> blocks;
    for (const char* const text : {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4",
                                   "::/128", "::1/128", "fe80::/10", "ff00::/8"}) {
      blocks.push_back(*IpPrefix::Parse(text));
    }
    return blocks;
  }();
  return std::any_of(kBlocks.begin(), kBlocks.end(),
                     [&](const IpPrefix& block) { return block.Contains(prefix); });
}

class RouteReader {
 public:
  RouteReader(const ConfigValue& document, const std::vector<PortConfig>& ports,
              ConfigReport& report)
      : document_(document), ports_(ports), report_(report) {
    const ConfigValue* const section = document.Find("ports");
    ports_complete_ = section != nullptr && section->complete;
  }

  LeakRoute ReadLeak(const ConfigValue& entry, const ConfigValue& leak) {
    StaticRoute route;
    entry.Get("to", route.to);
    ReadVrf(entry, route);
    const LeakRoute read{route.to, route.vrf, FindVrf(document_, leak, report_)};
    CheckDestination(entry, route, leaks_);
    for (const char* const key : {"via", "port", "type", "metric"}) {
      const ConfigValue* const value = entry.Find(key);
      if (value == nullptr || !value->given) continue;
      report_.Error(value->key_at, value->path,
                    "a leak has it from the other VRF; accepted: 'to', 'vrf' and 'leak' alone");
    }
    if (read.vrf == read.into && leak.As<std::string>() == VrfWord(read.vrf)) {
      report_.Error(leak.at, leak.path, "is the VRF that the route is in; accepted: another VRF");
    }
    return read;
  }

  StaticRoute Read(const ConfigValue& entry) {
    StaticRoute route;
    entry.Get("to", route.to);
    entry.Get("metric", route.metric);
    ReadVrf(entry, route);
    if (const ConfigValue* const type = entry.Find("type")) {
      const auto& word = type->As<std::string>();
      route.type = word == "blackhole"     ? StaticRouteType::kBlackhole
                   : word == "unreachable" ? StaticRouteType::kUnreachable
                   : word == "prohibit"    ? StaticRouteType::kProhibit
                                           : StaticRouteType::kUnicast;
    }
    CheckDestination(entry, route, seen_);
    const ConfigValue* const via = entry.Find("via");
    const ConfigValue* const port = entry.Find("port");
    const std::optional<PortIndex> route_port = port ? FindPort(*port, route.vrf) : std::nullopt;
    if (route.type != StaticRouteType::kUnicast) {
      for (const ConfigValue* const hop : {via, port}) {
        if (hop == nullptr) continue;
        report_.Error(
            hop->at, hop->path,
            "a route of this type has no next hop; accepted: neither 'via' nor 'port', or "
            "type unicast");
      }
    } else if (via != nullptr) {
      for (const ConfigValue& hop : via->items)
        ReadNexthop(hop, port != nullptr, route_port, route);
    } else if (port != nullptr) {
      if (route_port) route.nexthops.push_back({.gateway = std::nullopt, .port = route_port});
    } else if (entry.complete) {
      report_.Error(entry.at, entry.path,
                    "has no next hop; accepted: 'via', 'port', or type blackhole, unreachable or "
                    "prohibit");
    }
    return route;
  }

 private:
  using Seen = std::map<std::tuple<VrfIndex, IpPrefix, uint32_t>, int>;  // -> line

  std::string VrfWord(VrfIndex vrf) const {
    if (vrf == kMainVrf) return std::string(kMainVrfName);
    return document_.ItemsOf("vrfs")[vrf.value() - 1u].key;
  }

  // Without a word the route is where its port is.
  void ReadVrf(const ConfigValue& entry, StaticRoute& route) {
    const ConfigValue* const vrf = entry.Find("vrf");
    if (vrf != nullptr) {
      route.vrf = FindVrf(document_, *vrf, report_);
      return;
    }
    const ConfigValue* port = entry.Find("port");
    if (const ConfigValue* const via = entry.Find("via"); port == nullptr && via != nullptr) {
      for (const ConfigValue& hop : via->items) {
        if (port == nullptr && !hop.Is<IpAddress>()) port = hop.Find("port");
      }
    }
    if (port == nullptr) return;
    for (const PortConfig& config : ports_) {
      if (config.name == port->As<std::string>()) route.vrf = config.vrf;
    }
  }

  void CheckDestination(const ConfigValue& entry, const StaticRoute& route, Seen& seen) {
    const ConfigValue* const to = entry.Find("to");
    if (to == nullptr) return;
    const IpPrefix& prefix = route.to;
    if (IsNeverRouted(prefix)) {
      report_.Error(to->at, to->path,
                    Quoted(prefix.ToString()) +
                        " is never routed (multicast, loopback, link-local or reserved); accepted: "
                        "a prefix of unicast addresses");
      return;
    }
    const uint32_t metric =
        route.metric == 0 && !prefix.address().is_v4() ? kDefaultIpv6Metric : route.metric;
    const auto [first, is_new] = seen.emplace(std::tuple(route.vrf, prefix, metric), to->at.line);
    if (!is_new) {
      report_.Error(to->at, to->path,
                    Quoted(prefix.ToString()) + " with metric " + std::to_string(metric) +
                        " is also the route in line " + std::to_string(first->second) +
                        "; accepted: one route for a prefix and metric (several next hops go into "
                        "one 'via')");
    }
  }

  std::optional<PortIndex> FindPort(const ConfigValue& name, VrfIndex vrf) {
    const auto found = std::find_if(ports_.begin(), ports_.end(), [&](const PortConfig& port) {
      return port.name == name.As<std::string>();
    });
    if (found != ports_.end()) {
      if (found->vrf != vrf) {
        report_.Error(name.at, name.path,
                      "port " + Quoted(found->name) + " is in VRF " + VrfWord(found->vrf) +
                          ", the route in " + VrfWord(vrf) +
                          "; accepted: a port of the route's VRF, or 'leak' into the other one");
      }
      return PortIndex(static_cast<uint8_t>(found - ports_.begin()));
    }
    if (!ports_complete_) return std::nullopt;
    std::string accepted;
    std::vector<std::string_view> names;
    for (const PortConfig& port : ports_) {
      accepted += (accepted.empty() ? "" : ", ") + port.name;
      names.push_back(port.name);
    }
    const std::string_view closest = ClosestWord(name.As<std::string>(), names);
    report_.Error(name.at, name.path,
                  "no port has the name " + Quoted(name.As<std::string>()) +
                      (closest.empty() ? "" : " (did you mean " + Quoted(closest) + "?)") +
                      "; accepted: " + accepted);
    return std::nullopt;
  }

  // An element of `via`: an address alone, or a map.
  void ReadNexthop(const ConfigValue& entry, bool port_named, std::optional<PortIndex> route_port,
                   StaticRoute& route) {
    StaticNexthop hop;
    hop.port = route_port;
    const ConfigValue* gateway = &entry;
    if (!entry.Is<IpAddress>()) {
      gateway = entry.Find("gateway");
      entry.Get("weight", hop.weight);
      if (const ConfigValue* const port = entry.Find("port")) {
        hop.port = FindPort(*port, route.vrf);
        port_named = true;
      }
    }
    if (gateway != nullptr) {
      hop.gateway = gateway->As<IpAddress>();
      CheckGateway(*gateway, *hop.gateway, port_named, route);
    } else if (!port_named && entry.complete) {
      report_.Error(entry.at, entry.path,
                    "names neither gateway nor port; accepted: at least one of them");
    }
    const bool twice =
        std::any_of(route.nexthops.begin(), route.nexthops.end(), [&](const StaticNexthop& other) {
          return other.gateway == hop.gateway && other.port == hop.port;
        });
    if (twice && entry.complete) {
      report_.Error(entry.at, entry.path,
                    "this next hop is listed twice; accepted: once, with a higher weight");
    }
    route.nexthops.push_back(hop);
  }

  void CheckGateway(const ConfigValue& where, const IpAddress& gateway, bool port_named,
                    const StaticRoute& route) {
    const std::string quoted = Quoted(gateway.ToString());
    const std::string_view why = WhyNotUnicast(gateway);
    if (!why.empty()) {
      report_.Error(where.at, where.path,
                    quoted + " " + std::string(why) + "; accepted: the address of a router");
      return;
    }
    if (gateway.is_v4() && route.to.family() == IpFamily::kIpv6) {
      report_.Error(where.at, where.path,
                    quoted + " is an IPv4 gateway of an IPv6 route; accepted: an IPv6 gateway");
      return;
    }
    bool reachable = false;
    for (const PortConfig& port : ports_) {
      if (port.vrf != route.vrf) continue;
      for (const InterfaceAddress& address : port.addresses) {
        reachable = reachable || address.Subnet().Contains(gateway);
        if (address.address != gateway || IsLinkLocal(gateway)) continue;
        report_.Error(where.at, where.path,
                      quoted + " is this box's own address on port " + Quoted(port.name) +
                          "; accepted: the address of another router");
        return;
      }
    }
    if (port_named) return;
    if (IsLinkLocal(gateway)) {
      report_.Error(where.at, where.path,
                    "the link-local gateway " + quoted +
                        " may be on any link; accepted: with 'port', which says on which");
    } else if (!reachable && ports_complete_) {
      report_.Error(where.at, where.path,
                    "gateway " + quoted +
                        " lies in no port's subnet; accepted: an address in a port's subnet, or "
                        "with 'port'");
    }
  }

  const ConfigValue& document_;
  const std::vector<PortConfig>& ports_;
  ConfigReport& report_;
  bool ports_complete_ = false;
  Seen seen_, leaks_;
};

}  // namespace

void ReadRoutes(const ConfigValue& document, const std::vector<PortConfig>& ports,
                ConfigReport& report, std::vector<StaticRoute>& routes,
                std::vector<LeakRoute>& leaks) {
  RouteReader reader(document, ports, report);
  for (const ConfigValue& entry : document.ItemsOf("routes")) {
    if (const ConfigValue* const leak = entry.Find("leak")) {
      leaks.push_back(reader.ReadLeak(entry, *leak));
    } else {
      routes.push_back(reader.Read(entry));
    }
  }
}

}  // namespace flyover::router
