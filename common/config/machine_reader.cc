#include "common/config/machine_reader.h"

#include <charconv>
#include <set>

namespace flyover {
namespace {

constexpr size_t kMaxSocketPath = 107;  // sizeof(sockaddr_un::sun_path) less the final NUL

}  // namespace

DataplaneConfig ReadDataplane(const ConfigValue& document, ConfigReport& report) {
  DataplaneConfig config;
  const ConfigValue* const section = document.Find("dataplane");
  if (section == nullptr) return config;
  config.mark = report.Mark(section->at);
  section->Get("name", config.name);
  section->Get("burst", config.burst);
  section->Get("runtime_dir", config.runtime_dir);
  if (const ConfigValue* const idle = section->Find("idle")) {
    config.idle = idle->As<std::string>() == "poll" ? IdlePolicy::kPoll : IdlePolicy::kAdaptive;
  }
  if (const ConfigValue* const lcores = section->Find("lcores")) {
    config.lcores_mark = report.Mark(lcores->at);
    if (lcores->Is<uint64_t>()) config.lcore_count = static_cast<unsigned>(lcores->As<uint64_t>());
    std::set<unsigned> seen;
    for (const ConfigValue& cpu : lcores->items) {
      const auto number = static_cast<unsigned>(cpu.As<uint64_t>());
      config.lcore_cpus.push_back(number);
      if (!seen.insert(number).second) {
        report.Error(
            cpu.at, cpu.path,
            "CPU " + std::to_string(number) + " is listed twice; accepted: every CPU once");
      }
    }
  }
  if (const ConfigValue* const memory = section->Find("memory")) {
    memory->Get("mbufs_per_numa", config.mbufs);
    if (const ConfigValue* const hugepages = memory->Find("hugepages")) {
      const auto& word = hugepages->As<std::string>();
      config.hugepages = word == "off"        ? HugepagePolicy::kOff
                         : word == "required" ? HugepagePolicy::kRequired
                                              : HugepagePolicy::kAuto;
    }
  }
  return config;
}

KernelConfig ReadKernel(const ConfigValue& document, ConfigReport& report) {
  const ConfigValue* const section = document.Find("kernel");
  return section == nullptr ? KernelConfig() : ReadKernelSection(*section, report);
}

KernelConfig ReadKernelSection(const ConfigValue& section, ConfigReport& report) {
  constexpr uint32_t kMain = 254, kDefault = 253, kLocal = 255;  // linux/rtnetlink.h
  KernelConfig config;
  section.Get("namespace", config.network_namespace);
  if (const auto* const name = section.Find("namespace")) config.mark = report.Mark(name->at);
  config.tables.clear();
  std::set<uint32_t> seen;
  for (const ConfigValue& table : section.ItemsOf("tables")) {
    uint32_t number = kMain;
    if (table.Is<uint64_t>()) {
      number = static_cast<uint32_t>(table.As<uint64_t>());
    } else if (table.As<std::string>() == "default") {
      number = kDefault;
    }
    if (number == kLocal) {
      report.Error(table.at, table.path,
                   "table 255 (local) is always read; accepted: tables of routes, such as main");
    } else if (!seen.insert(number).second) {
      report.Error(table.at, table.path, "is listed twice; accepted: every table once");
    }
    config.tables.push_back(number);
  }
  return config;
}

VrfIndex FindVrf(const ConfigValue& document, const ConfigValue& name, ConfigReport& report) {
  const auto& wanted = name.As<std::string>();
  if (wanted == kMainVrfName) return kMainVrf;
  std::vector<std::string_view> names{kMainVrfName};
  std::string accepted(kMainVrfName);
  for (const ConfigValue& vrf : document.ItemsOf("vrfs")) {
    if (vrf.key == wanted) return VrfIndex(static_cast<uint8_t>(names.size()));
    names.push_back(vrf.key);
    accepted += ", " + vrf.key;
  }
  const ConfigValue* const section = document.Find("vrfs");
  if (section != nullptr && !section->complete) return kMainVrf;
  const std::string_view closest = ClosestWord(wanted, names);
  report.Error(name.at, name.path,
               "no VRF has the name " + Quoted(wanted) +
                   (closest.empty() ? "" : " (did you mean " + Quoted(closest) + "?)") +
                   "; accepted: " + accepted);
  return kMainVrf;
}

PuntConfig ReadPunt(const ConfigValue& document) {
  PuntConfig config;
  const ConfigValue* const section = document.Find("punt");
  if (section == nullptr) return config;
  for (size_t i = 0; i < kPuntClassCount; ++i) section->Get(kPuntClasses[i].label, config.rate[i]);
  return config;
}

MetricsConfig ReadMetrics(const ConfigValue& document, ConfigReport& report) {
  MetricsConfig config;
  const ConfigValue* const section = document.Find("metrics");
  if (section == nullptr) return config;
  section->Get("namespace", config.network_namespace);
  const ConfigValue* const listen = section->Find("listen");
  if (listen == nullptr) return config;
  config.mark = report.Mark(listen->at);
  const auto& text = listen->As<std::string>();
  config.enabled = text != "off";
  if (!config.enabled) {
    config.listen.clear();
    return config;
  }
  config.listen = text;
  const size_t colon = text.rfind(':');
  std::string address = text.substr(0, colon);
  if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
  unsigned port = 0;
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (!IpAddress::Parse(address)) {
    report.Error(listen->at, listen->path,
                 Quoted(address) +
                     " is not an IP address; accepted: an address with port such as " +
                     "127.0.0.1:9142 or [::1]:9142");
  } else if (port > 65535) {
    report.Error(listen->at, listen->path,
                 "port " + std::to_string(port) + " is out of range; accepted: 1 to 65535");
  }
  return config;
}

ControlConfig ReadControl(const ConfigValue& document, const DataplaneConfig& dataplane,
                          ConfigReport& report) {
  ControlConfig config;
  const ConfigValue* const section = document.Find("control");
  if (section == nullptr) return config;
  section->Get("socket", config.socket);
  section->Get("group", config.group);
  if (const auto* const socket = section->Find("socket")) config.mark = report.Mark(socket->at);
  if (const auto* const group = section->Find("group")) config.group_mark = report.Mark(group->at);
  const std::string path = dataplane.Directory() + "/control.sock";
  if (config.socket.empty() && path.size() > kMaxSocketPath) {
    report.Error({dataplane.mark.line, dataplane.mark.column}, "dataplane.runtime_dir",
                 "makes the control socket's path " + std::to_string(path.size()) +
                     " bytes long; accepted: at most 107 (sun_path), or another control.socket");
  }
  return config;
}

LogConfig ReadLog(const ConfigValue& document) {
  LogConfig config;
  const ConfigValue* const section = document.Find("log");
  if (section == nullptr) return config;
  section->Get("level", config.level);
  for (const ConfigValue& area : section->ItemsOf("areas")) {
    config.areas[area.key] = area.As<std::string>();
  }
  if (const ConfigValue* const format = section->Find("format")) {
    config.json = format->As<std::string>() == "json";
  }
  return config;
}

}  // namespace flyover
