#include "lb/config/lb_reader.h"

#include <string>

#include "common/config/schema.h"
#include "lb/config/service_reader.h"

namespace flyover::lb {
namespace {

std::string Milliseconds(std::chrono::milliseconds value) {
  return DurationText(static_cast<uint64_t>(value.count()));
}

void WriteSource(const TunnelSource& source, YamlWriter& out) {
  if (!source.ipv4 && !source.ipv6) {
    out.Put("source", "{}");
    return;
  }
  out.Begin("source");
  if (source.ipv4) out.Text("ipv4", source.ipv4->ToString());
  if (source.ipv6) out.Text("ipv6", source.ipv6->ToString());
  out.End();
}

void WriteProbe(const HealthConfig& health, YamlWriter& out) {
  using Kind = HealthConfig::Kind;
  switch (health.kind) {
    case Kind::kHttp:
    case Kind::kHttps:
      out.Begin(health.kind == Kind::kHttp ? "http" : "https");
      out.Text("path", health.path);
      out.Put("expect", health.expect);
      break;
    case Kind::kTls:
      out.Begin("tls");
      break;
    case Kind::kGrpc:
      out.Begin("grpc");
      out.Text("service", health.path);
      break;
    case Kind::kUdp:
      out.Begin("udp");
      out.Text("send", health.send);
      if (!health.body.empty()) out.Text("answer", health.body);
      break;
    case Kind::kDns:
      out.Begin("dns");
      out.Text("name", health.path);
      break;
    case Kind::kIcmp:
      out.Put("icmp", "{}");
      return;
    case Kind::kExec:
      out.Begin("exec");
      out.Texts("command", health.command);
      break;
    default:
      if (!health.port) return out.Put("tcp", "{}");
      out.Begin("tcp");
  }
  if (!health.host.empty()) out.Text("host", health.host);
  if (!health.body.empty() && health.kind != Kind::kUdp) out.Text("body", health.body);
  if (health.kind == Kind::kHttps || health.kind == Kind::kTls) out.Flag("verify", health.verify);
  if (health.port) out.Put("port", *health.port);
  out.End();
}

void WriteServiceHealth(const HealthConfig& health, YamlWriter& out) {
  if (health.kind == HealthConfig::Kind::kNone) return;
  out.Begin("health");
  WriteProbe(health, out);
  out.Put("interval", Milliseconds(health.interval));
  out.Put("timeout", Milliseconds(health.timeout));
  out.Put("fall", health.fall);
  out.Put("rise", health.rise);
  out.Put("damping", Milliseconds(health.damping));
  out.Flag("as_client", health.as_client);
  out.End();
}

void WriteBackends(const std::vector<BackendConfig>& backends, YamlWriter& out) {
  if (backends.empty()) {
    out.Put("backends", "{}");
    return;
  }
  out.Begin("backends");
  for (const BackendConfig& backend : backends) {
    out.Begin(YamlText(backend.name));
    out.Text("address", backend.address.ToString());
    out.Put("weight", backend.weight);
    out.Put("priority", backend.priority);
    if (backend.mtu != 0) out.Put("mtu", backend.mtu);
    out.Put("df", backend.df == DfPolicy::kSet     ? "set"
                  : backend.df == DfPolicy::kClear ? "clear"
                                                   : "copy");
    std::vector<std::string> ids;
    for (const QuicServerId& id : backend.quic_ids) ids.push_back(id.ToString());
    if (!ids.empty()) out.Texts("quic_ids", ids);
    out.End();
  }
  out.End();
}

void WriteQuic(const std::vector<QuicCidConfig>& configs, YamlWriter& out) {
  if (configs.empty()) return;
  out.Begin("quic");
  for (const QuicCidConfig& config : configs) {
    out.BeginElement();
    out.Put("rotation", config.rotation);
    out.Put("server_id_length", config.server_id_length);
    out.Put("nonce_length", config.nonce_length);
    if (config.key) out.Text("key", QuicKeyText(*config.key));
    out.End();
  }
  out.End();
}

constexpr uint32_t kMainTable = 254;  // linux/rtnetlink.h

void ReadAnnounce(const ConfigValue& section, AnnounceConfig& config) {
  if (const ConfigValue* const table = section.Find("table")) {
    config.table =
        table->Is<uint64_t>() ? static_cast<uint32_t>(table->As<uint64_t>()) : kMainTable;
  }
  section.Get("hold_up", config.hold_up);
  section.Get("hold_down", config.hold_down);
}

}  // namespace

LbConfig ReadLb(const ConfigValue& document, const std::vector<PortConfig>& ports,
                ConfigReport& report) {
  LbConfig config;
  if (const ConfigValue* const health = document.Find("health")) {
    health->Get("namespace", config.health_namespace);
    if (const auto* const name = health->Find("namespace")) {
      config.health_mark = report.Mark(name->at);
    }
  }
  if (const ConfigValue* const changes = document.Find("changes")) {
    if (const ConfigValue* const most = changes->Find("max_moved")) {
      config.max_moved = ParsePercent(most->As<std::string>());
    }
  }
  const ConfigValue* const ports_section = document.Find("ports");
  ServiceContext context{
      ports, ports_section != nullptr && ports_section->complete, {}, false, config.table_size};
  if (const ConfigValue* const balancer = document.Find("balancer")) {
    balancer->Get("seed", config.seed);
    if (const ConfigValue* const connections = balancer->Find("connections")) {
      connections->Get("capacity", config.connections.capacity);
      connections->Get("tcp_timeout", config.connections.tcp_timeout);
      connections->Get("udp_timeout", config.connections.udp_timeout);
      if (connections->Find("change_window") != nullptr) {
        connections->Get("change_window", config.connections.change_window.emplace());
      }
    }
    if (const ConfigValue* const unknown = balancer->Find("unknown_port")) {
      config.reject_unknown_ports = unknown->As<std::string>() == "reject";
    }
    if (const ConfigValue* const announce = balancer->Find("announce")) {
      ReadAnnounce(*announce, config.announce.emplace());
    }
    if (const ConfigValue* const size = balancer->Find("table_size")) {
      config.table_size = context.default_table_size = ReadTableSize(*size);
    }
    config.source = ReadSource(balancer->Find("source"), report);
    context.default_source = config.source;
    context.default_source_complete = balancer->complete;
  }
  for (const ConfigValue& entry : document.ItemsOf("services")) {
    config.services.push_back(ReadService(entry, context, report));
  }
  return config;
}

void WriteServices(const LbConfig& config, YamlWriter& out) {
  if (config.services.empty()) {
    out.Put("services", "{}");
    return;
  }
  out.Begin("services");
  for (const ServiceConfig& service : config.services) {
    out.Begin(YamlText(service.name));
    std::vector<std::string> vips;
    for (const IpPrefix& vip : service.vips) vips.push_back(vip.ToHostOrPrefix());
    out.Texts("vip", vips);
    out.Put("protocol", service.protocol == Protocol::kUdp ? "udp" : "tcp");
    out.Put("port", service.ports.ToString());
    out.Put("forward", ForwardName(service.forward));
    if (service.forward == ForwardMode::kGue) {
      out.Begin("gue");
      out.Put("variant", service.gue.variant);
      out.Put("port", service.gue.port);
      out.End();
    }
    if (service.dscp != 0) out.Put("dscp", service.dscp);
    out.Put("too_big", service.fragment ? "fragment" : "icmp");
    if (service.tcp_mss != 0) out.Put("tcp_mss", service.tcp_mss);
    out.Put("table_size", service.table_size);
    out.Put("affinity", AffinityName(service.affinity));
    if (service.affinity == Affinity::kSourcePrefix) {
      out.Begin("affinity_prefix");
      out.Put("ipv4", service.affinity_prefix.ipv4);
      out.Put("ipv6", service.affinity_prefix.ipv6);
      out.End();
    }
    WriteQuic(service.quic, out);
    if (service.source != TunnelSource{}) WriteSource(service.source, out);
    WriteBackends(service.backends, out);
    out.Put("min_up", service.min_up);
    out.Put("panic_threshold", service.panic_threshold);
    out.Put("swallow_weight", service.swallow_weight);
    out.Flag("announce", service.announce);
    out.Put("all_down", service.fail_open ? "fail_open" : "drop");
    out.Put("slow_start", Milliseconds(service.slow_start));
    WriteServiceHealth(service.health, out);
    out.End();
  }
  out.End();
}

void WriteBalancer(const LbConfig& config, YamlWriter& out) {
  out.Begin("balancer");
  out.Put("seed", config.seed);
  out.Begin("connections");
  out.Put("capacity", config.connections.capacity);
  out.Put("tcp_timeout", Milliseconds(config.connections.tcp_timeout));
  out.Put("udp_timeout", Milliseconds(config.connections.udp_timeout));
  if (config.connections.change_window) {
    out.Put("change_window", Milliseconds(*config.connections.change_window));
  }
  out.End();
  if (config.table_size == 0) {
    out.Put("table_size", "auto");
  } else {
    out.Put("table_size", config.table_size);
  }
  out.Put("unknown_port", config.reject_unknown_ports ? "reject" : "drop");
  if (config.announce) {
    out.Begin("announce");
    if (config.announce->table == kMainTable) {
      out.Put("table", "main");
    } else {
      out.Put("table", config.announce->table);
    }
    out.Put("hold_up", Milliseconds(config.announce->hold_up));
    out.Put("hold_down", Milliseconds(config.announce->hold_down));
    out.End();
  }
  WriteSource(config.source, out);
  out.End();
}

void WriteHealth(const LbConfig& config, YamlWriter& out) {
  out.Begin("health");
  out.Text("namespace", config.health_namespace);
  out.End();
}

void WriteChanges(const LbConfig& config, YamlWriter& out) {
  if (!config.max_moved) {
    out.Put("changes", "{}");
    return;
  }
  out.Begin("changes");
  out.Text("max_moved", PercentText(*config.max_moved));
  out.End();
}

}  // namespace flyover::lb
