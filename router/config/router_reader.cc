#include "router/config/router_reader.h"

#include "router/config/route_reader.h"

namespace flyover::router {

RouterConfig ReadRouter(const ConfigValue& document, const std::vector<PortConfig>& ports,
                        ConfigReport& report) {
  RouterConfig config;
  config.routes = ReadRoutes(document, ports, report);
  const ConfigValue* const section = document.Find("router");
  if (section == nullptr) return config;
  if (const ConfigValue* const ecmp = section->Find("ecmp")) {
    ecmp->Get("symmetric", config.ecmp.symmetric);
    ecmp->Get("ipv6_flow_label", config.ecmp.ipv6_flow_label);
    const ConfigValue* const seed = ecmp->Find("seed");
    if (seed != nullptr && seed->Is<uint64_t>()) config.ecmp.seed = seed->As<uint64_t>();
  }
  if (const ConfigValue* const errors = section->Find("icmp_errors")) {
    errors->Get("rate", config.icmp_errors.rate);
    errors->Get("burst", config.icmp_errors.burst);
  }
  return config;
}

void WriteRouter(const RouterConfig& config, YamlWriter& out) {
  out.Begin("router");
  out.Begin("ecmp");
  if (config.ecmp.seed) {
    out.Put("seed", *config.ecmp.seed);
  } else {
    out.Put("seed", "auto");
  }
  out.Flag("symmetric", config.ecmp.symmetric);
  out.Flag("ipv6_flow_label", config.ecmp.ipv6_flow_label);
  out.End();
  out.Begin("icmp_errors");
  out.Put("rate", std::to_string(config.icmp_errors.rate) + "/s");
  out.Put("burst", config.icmp_errors.burst);
  out.End();
  out.End();
}

void WriteRoutes(const RouterConfig& config, const std::vector<PortConfig>& ports,
                 YamlWriter& out) {
  static constexpr const char* kTypes[] = {"unicast", "blackhole", "unreachable", "prohibit"};
  if (config.routes.empty()) {
    out.Put("routes", "[]");
    return;
  }
  out.Begin("routes");
  for (const StaticRoute& route : config.routes) {
    out.BeginElement();
    out.Text("to", route.to.ToString());
    out.Put("type", kTypes[static_cast<size_t>(route.type)]);
    out.Put("metric", route.metric);
    if (!route.nexthops.empty()) {
      out.Begin("via");
      for (const StaticNexthop& hop : route.nexthops) {
        out.BeginElement();
        out.Put("weight", hop.weight);
        if (hop.gateway) out.Text("gateway", hop.gateway->ToString());
        if (hop.port) out.Text("port", ports[hop.port->value()].name);
        out.End();
      }
      out.End();
    }
    out.End();
  }
  out.End();
}

}  // namespace flyover::router
