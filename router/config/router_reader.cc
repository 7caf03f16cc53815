#include "router/config/router_reader.h"

#include "common/config/address_check.h"
#include "router/config/route_reader.h"
#include "router/config/vrf_reader.h"

namespace flyover::router {

namespace {

void ReadIcmpAddress(const ConfigValue& item, IcmpSourceConfig& config, ConfigReport& report) {
  const auto& address = item.As<IpAddress>();
  const std::string_view why = WhyNotUnicast(address);
  const bool twice = address.is_v4() ? config.ipv4.has_value() : config.ipv6.has_value();
  if (!why.empty() || twice) {
    report.Error(item.at, item.path,
                 Quoted(address.ToString()) + " " +
                     (twice ? "is the second address of its family" : std::string(why)) +
                     "; accepted: a unicast address of this box, one for each family");
  } else if (address.is_v4()) {
    config.ipv4 = address.v4();
  } else {
    config.ipv6 = address.v6();
  }
}

void ReadIcmpSource(const ConfigValue& source, IcmpSourceConfig& config, ConfigReport& report) {
  if (source.Is<std::string>()) {
    config.incoming = source.As<std::string>() == "incoming";
  } else if (source.Is<IpAddress>()) {
    ReadIcmpAddress(source, config, report);
  } else {
    for (const ConfigValue& item : source.items) ReadIcmpAddress(item, config, report);
  }
}

void ReadIcmpErrors(const ConfigValue& errors, IcmpErrorConfig& config, ConfigReport& report) {
  errors.Get("rate", config.rate);
  errors.Get("burst", config.burst);
  for (size_t t = 0; t < kIcmpErrorTypes; ++t) {
    errors.Get(kIcmpErrorTypeNames[t], config.type_rate[t]);
  }
  if (const ConfigValue* const limit = errors.Find("per_source")) {
    limit->Get("rate", config.per_source.rate);
    limit->Get("burst", config.per_source.burst);
    limit->Get("ipv4_length", config.per_source.ipv4_length);
    limit->Get("ipv6_length", config.per_source.ipv6_length);
  }
  if (const ConfigValue* const source = errors.Find("source")) {
    ReadIcmpSource(*source, config.source, report);
  }
}

void WriteIcmpErrors(const IcmpErrorConfig& config, YamlWriter& out) {
  const auto rate = [](uint32_t n) { return std::to_string(n) + "/s"; };
  out.Begin("icmp_errors");
  out.Put("rate", rate(config.rate));
  out.Put("burst", config.burst);
  for (size_t t = 0; t < kIcmpErrorTypes; ++t) {
    out.Put(kIcmpErrorTypeNames[t], rate(config.type_rate[t]));
  }
  out.Begin("per_source");
  out.Put("rate", rate(config.per_source.rate));
  out.Put("burst", config.per_source.burst);
  out.Put("ipv4_length", config.per_source.ipv4_length);
  out.Put("ipv6_length", config.per_source.ipv6_length);
  out.End();
  std::vector<std::string> fixed;
  if (config.source.ipv4) fixed.push_back(config.source.ipv4->ToString());
  if (config.source.ipv6) fixed.push_back(config.source.ipv6->ToString());
  if (fixed.empty()) {
    out.Put("source", config.source.incoming ? "incoming" : "outgoing");
  } else {
    out.Texts("source", fixed);
  }
  out.End();
}

}  // namespace

RouterConfig ReadRouter(const ConfigValue& document, const std::vector<PortConfig>& ports,
                        ConfigReport& report) {
  RouterConfig config;
  config.vrfs = ReadVrfs(document, report);
  ReadRoutes(document, ports, report, config.routes, config.leaks);
  const ConfigValue* const section = document.Find("router");
  if (section == nullptr) return config;
  if (const ConfigValue* const ecmp = section->Find("ecmp")) {
    ecmp->Get("symmetric", config.ecmp.symmetric);
    ecmp->Get("ipv6_flow_label", config.ecmp.ipv6_flow_label);
    if (const ConfigValue* const fields = ecmp->Find("fields")) {
      config.ecmp.ports = fields->As<std::string>() != "addresses";
    }
    const ConfigValue* const seed = ecmp->Find("seed");
    if (seed != nullptr && seed->Is<uint64_t>()) config.ecmp.seed = seed->As<uint64_t>();
  }
  if (const ConfigValue* const errors = section->Find("icmp_errors")) {
    ReadIcmpErrors(*errors, config.icmp_errors, report);
  }
  ReadCapacity(*section, config.capacity);
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
  out.Put("fields", config.ecmp.ports ? "ports" : "addresses");
  out.End();
  WriteIcmpErrors(config.icmp_errors, out);
  WriteCapacity(config.capacity, out);
  out.End();
}

void WriteRoutes(const RouterConfig& config, const std::vector<PortConfig>& ports,
                 YamlWriter& out) {
  static constexpr const char* kTypes[] = {"unicast", "blackhole", "unreachable", "prohibit"};
  if (config.routes.empty() && config.leaks.empty()) {
    out.Put("routes", "[]");
    return;
  }
  const std::vector<std::string> vrfs = config.VrfNames();
  out.Begin("routes");
  for (const LeakRoute& leak : config.leaks) {
    out.BeginElement();
    out.Text("to", leak.to.ToString());
    out.Text("vrf", vrfs[leak.vrf.value()]);
    out.Text("leak", vrfs[leak.into.value()]);
    out.End();
  }
  for (const StaticRoute& route : config.routes) {
    out.BeginElement();
    out.Text("to", route.to.ToString());
    out.Text("vrf", vrfs[route.vrf.value()]);
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
