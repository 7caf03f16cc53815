#include "common/config/machine_writer.h"

#include <string>

namespace flyover {
namespace {

void WriteFeatures(const PortFeatures& features, YamlWriter& out) {
  out.Put("urpf", kReversePathNames[static_cast<size_t>(features.urpf)]);
  out.Put("fragment", features.fragment ? "on" : "off");
  if (features.tcp_mss.value_or(0) != 0) {
    out.Put("tcp_mss", *features.tcp_mss);
  } else {
    out.Put("tcp_mss", features.tcp_mss ? "auto" : "off");
  }
  if (features.dscp) {
    out.Put("dscp", *features.dscp);
  } else {
    out.Put("dscp", "off");
  }
  out.Put("directed_broadcast", features.directed_broadcast ? "on" : "off");
}

}  // namespace

void WriteDataplane(const DataplaneConfig& config, YamlWriter& out) {
  out.Begin("dataplane");
  out.Text("name", config.name);
  if (!config.lcore_cpus.empty()) {
    std::vector<std::string> cpus;
    for (const unsigned cpu : config.lcore_cpus) cpus.push_back(std::to_string(cpu));
    out.Texts("lcores", cpus);
  } else if (config.lcore_count) {
    out.Put("lcores", *config.lcore_count);
  } else {
    out.Put("lcores", "auto");
  }
  out.Put("idle", config.idle == IdlePolicy::kPoll ? "poll" : "adaptive");
  out.Put("burst", config.burst);
  out.Text("runtime_dir", config.runtime_dir);
  out.Begin("memory");
  out.Put("hugepages", config.hugepages == HugepagePolicy::kOff        ? "off"
                       : config.hugepages == HugepagePolicy::kRequired ? "required"
                                                                       : "auto");
  out.Put("mbufs_per_numa", config.mbufs);
  out.End();
  out.End();
}

void WritePorts(const std::vector<PortConfig>& ports, const std::vector<std::string>& vrfs,
                YamlWriter& out) {
  out.Begin("ports");
  for (const PortConfig& port : ports) {
    out.Begin(YamlText(port.name));
    if (port.vlan) {
      out.Begin("vlan");
      out.Text("port", port.vlan->port);
      out.Put("id", port.vlan->id);
      if (port.vlan->inner != 0) out.Put("inner", port.vlan->inner);
      out.End();
    } else if (port.tunnel) {
      const TunnelConfig& tunnel = *port.tunnel;
      out.Begin("tunnel");
      out.Put("kind", kTunnelKindNames[static_cast<size_t>(tunnel.kind)]);
      out.Text("local", tunnel.local.ToString());
      out.Text("remote", tunnel.remote.ToString());
      if (tunnel.key) out.Put(tunnel.kind == TunnelKind::kVxlan ? "vni" : "key", *tunnel.key);
      out.Put("ttl", tunnel.ttl);
      out.Text("underlay", vrfs[tunnel.underlay.value()]);
      out.End();
    } else if (port.bond) {
      out.Begin("bond");
      out.Put("mode", kBondModeNames[static_cast<size_t>(port.bond->mode)]);
      out.Texts("members", port.bond->members);
      out.End();
    } else {
      out.Text("device", port.device);
    }
    out.Put("mtu", port.mtu);
    std::vector<std::string> addresses;
    for (const InterfaceAddress& address : port.addresses) addresses.push_back(address.ToString());
    out.Texts("addresses", addresses);
    if (port.queues) {
      out.Put("queues", *port.queues);
    } else if (!port.vlan && !port.tunnel) {
      out.Put("queues", "auto");
    }
    if (port.mac) out.Text("mac", port.mac->ToString());
    out.Text("tap", port.tap);
    out.Text("vrf", vrfs[port.vrf.value()]);
    if (!port.vlan && !port.tunnel) {
      out.Flag("promiscuous", port.promiscuous);
      out.Flag("offloads", port.offloads);
    }
    WriteFeatures(port.features, out);
    out.End();
  }
  out.End();
}

void WriteKernel(const KernelConfig& config, YamlWriter& out) {
  out.Begin("kernel");
  WriteKernelKeys(config, out);
  out.End();
}

void WriteKernelKeys(const KernelConfig& config, YamlWriter& out) {
  out.Text("namespace", config.network_namespace);
  std::vector<std::string> tables;
  for (const uint32_t table : config.tables) {
    tables.push_back(table == 254 ? "main" : std::to_string(table));
  }
  out.Texts("tables", tables);
}

void WritePunt(const PuntConfig& config, YamlWriter& out) {
  out.Begin("punt");
  for (size_t i = 0; i < kPuntClassCount; ++i) {
    out.Put(kPuntClasses[i].label, std::to_string(config.rate[i]) + "/s");
  }
  out.End();
}

void WriteMetrics(const MetricsConfig& config, YamlWriter& out) {
  out.Begin("metrics");
  out.Text("listen", config.enabled ? config.listen : "off");
  out.Text("namespace", config.network_namespace);
  out.End();
}

void WriteControl(const ControlConfig& config, YamlWriter& out) {
  out.Begin("control");
  out.Text("socket", config.socket);
  out.Text("group", config.group);
  out.End();
}

void WriteLog(const LogConfig& config, YamlWriter& out) {
  out.Begin("log");
  out.Put("level", config.level);
  if (config.areas.empty()) {
    out.Put("areas", "{}");
  } else {
    out.Begin("areas");
    for (const auto& [area, level] : config.areas) out.Text(YamlText(area), level);
    out.End();
  }
  out.Put("format", config.json ? "json" : "text");
  out.End();
}

}  // namespace flyover
