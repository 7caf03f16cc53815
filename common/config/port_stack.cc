#include "common/config/port_stack.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "common/config/address_check.h"
#include "common/config/machine_reader.h"

namespace flyover {
namespace {

constexpr uint16_t kDefaultMtu = 1500;

PortConfig AsPort(const TunnelConfig& tunnel) {
  PortConfig port;
  port.tunnel = tunnel;
  return port;
}

class StackCheck {
 public:
  StackCheck(const std::vector<PortConfig>& ports, bool complete, ConfigReport& report)
      : ports_(ports), complete_(complete), report_(report) {}

  void Check(const ConfigValue& entry, const PortConfig& port) {
    const ConfigValue* const vlan = entry.Find("vlan");
    const ConfigValue* first = nullptr;
    for (const char* const key : {"device", "bond", "vlan", "tunnel"}) {
      const ConfigValue* const value = entry.Find(key);
      if (value == nullptr) continue;
      if (first != nullptr) {
        report_.Error(value->key_at, value->path,
                      "the port has a '" + first->key + "' as well; accepted: one of them");
        return;
      }
      first = value;
    }
    if (first == nullptr) {
      if (entry.complete) {
        report_.Error(
            entry.at, entry.path,
            "does not say what the port is; accepted: 'device', 'bond', 'vlan' or 'tunnel'");
      }
      return;
    }
    if (port.vlan || port.tunnel) CheckNoDeviceKeys(entry);
    if (port.tunnel) return CheckTunnel(*first, *port.tunnel, entry.path);
    if (vlan == nullptr) {
      const unsigned before = devices_;
      devices_ += static_cast<unsigned>(DevicesOf(port).size());
      if (before <= kMaxDevices && devices_ > kMaxDevices) {
        report_.Error(first->at, first->path,
                      "is one device too many; accepted: at most " + std::to_string(kMaxDevices));
      }
      return;
    }
    CheckVlan(entry, *vlan, port);
  }

 private:
  // What only a device has.
  void CheckNoDeviceKeys(const ConfigValue& entry) {
    for (const char* const key : {"queues", "mac", "promiscuous", "offloads"}) {
      const ConfigValue* const value = entry.Find(key);
      if (value == nullptr || !value->given) continue;
      report_.Error(value->key_at, value->path,
                    "belongs to the device; accepted: without it, or at the port below");
    }
  }

  void CheckTunnel(const ConfigValue& where, const TunnelConfig& tunnel, const std::string& path) {
    const auto words = DeviceWords(AsPort(tunnel)) +
                       (tunnel.key ? " key " + std::to_string(*tunnel.key) : "") + " in " +
                       std::to_string(tunnel.underlay.value());
    const auto [first, is_new] = tunnels_.emplace(words, path);
    if (is_new) return;
    report_.Error(where.at, where.path,
                  "is also the tunnel " + first->second +
                      "; accepted: ends or a key that no other tunnel has");
  }

  void CheckVlan(const ConfigValue& entry, const ConfigValue& vlan, const PortConfig& port) {
    const ConfigValue* const name = vlan.Find("port");
    if (name == nullptr || !port.vlan) return;
    const PortConfig* const lower = FindLower(*name);
    if (lower == nullptr) return;
    if (lower->vlan || lower->tunnel) {
      report_.Error(name->at, name->path,
                    Quoted(lower->name) +
                        " is no device itself; accepted: a device or bond, and 'inner' for the "
                        "second tag");
      return;
    }
    if (port.mtu > lower->mtu) {
      const ConfigValue* const mtu = entry.Find("mtu");
      report_.Error(mtu == nullptr ? entry.at : mtu->at, entry.path + ".mtu",
                    std::to_string(port.mtu) +
                        " is more than the port below takes; accepted: up "
                        "to " +
                        std::to_string(lower->mtu) + ", the MTU of " + lower->name);
    }
    const auto key = std::tuple(port.vlan->port, port.vlan->id, port.vlan->inner);
    const auto [first, is_new] = tags_.emplace(key, entry.path);
    if (is_new) return;
    report_.Error(vlan.at, vlan.path,
                  "its tags on " + lower->name + " are also those of " + first->second +
                      "; accepted: tags that no other port has");
  }

  const PortConfig* FindLower(const ConfigValue& name) {
    const auto found = std::find_if(ports_.begin(), ports_.end(), [&](const PortConfig& port) {
      return port.name == name.As<std::string>();
    });
    if (found != ports_.end()) return &*found;
    if (!complete_) return nullptr;
    std::string accepted;
    std::vector<std::string_view> names;
    for (const PortConfig& port : ports_) {
      if (port.vlan || port.tunnel) continue;
      accepted += (accepted.empty() ? "" : ", ") + port.name;
      names.push_back(port.name);
    }
    const std::string_view closest = ClosestWord(name.As<std::string>(), names);
    report_.Error(name.at, name.path,
                  "no port has the name " + Quoted(name.As<std::string>()) +
                      (closest.empty() ? "" : " (did you mean " + Quoted(closest) + "?)") +
                      "; accepted: " + (accepted.empty() ? "a device or bond" : accepted));
    return nullptr;
  }

  const std::vector<PortConfig>& ports_;
  bool complete_;
  ConfigReport& report_;
  unsigned devices_ = 0;
  std::map<std::tuple<std::string, uint16_t, uint16_t>, std::string> tags_;
  std::map<std::string, std::string> tunnels_;
};

}  // namespace

void ReadVlan(const ConfigValue& entry, PortConfig& port, ConfigReport& report) {
  const ConfigValue* const vlan = entry.Find("vlan");
  if (vlan == nullptr) return;
  if (entry.Find("device") == nullptr) port.mark = report.Mark(vlan->at);
  VlanConfig& config = port.vlan.emplace();
  vlan->Get("port", config.port);
  vlan->Get("id", config.id);
  vlan->Get("inner", config.inner);
}

void ReadTunnel(const ConfigValue& document, const ConfigValue& entry, PortConfig& port,
                ConfigReport& report) {
  const ConfigValue* const section = entry.Find("tunnel");
  if (section == nullptr) return;
  if (entry.Find("device") == nullptr) port.mark = report.Mark(section->at);
  TunnelConfig& tunnel = port.tunnel.emplace();
  if (const ConfigValue* const kind = section->Find("kind")) {
    const auto name = std::find(kTunnelKindNames.begin(), kTunnelKindNames.end(),
                                std::string_view(kind->As<std::string>()));
    tunnel.kind = static_cast<TunnelKind>(name - kTunnelKindNames.begin());
  }
  section->Get("local", tunnel.local);
  section->Get("remote", tunnel.remote);
  section->Get("ttl", tunnel.ttl);
  if (const ConfigValue* const underlay = section->Find("underlay")) {
    tunnel.underlay = FindVrf(document, *underlay, report);
  }
  for (const char* const end : {"local", "remote"}) {
    const ConfigValue* const value = section->Find(end);
    if (value == nullptr) continue;
    const std::string_view why = WhyNotUnicast(value->As<IpAddress>());
    if (why.empty()) continue;
    report.Error(value->at, value->path,
                 Quoted(value->As<IpAddress>().ToString()) + " " + std::string(why) +
                     "; accepted: a unicast address");
  }
  const ConfigValue* const remote = section->Find("remote");
  if (remote != nullptr && section->Find("local") != nullptr &&
      tunnel.local.family() != tunnel.remote.family()) {
    report.Error(remote->at, remote->path,
                 "is of another family than 'local'; accepted: two addresses of one family");
  }
  const bool vxlan = tunnel.kind == TunnelKind::kVxlan;
  const ConfigValue* const key = section->Find("key");
  const ConfigValue* const vni = section->Find("vni");
  if (key != nullptr && tunnel.kind != TunnelKind::kGre) {
    report.Error(key->at, key->path, "only GRE has a key; accepted: without it, or kind: gre");
  }
  if (vni != nullptr && !vxlan) {
    report.Error(vni->at, vni->path, "only VXLAN has it; accepted: without it, or kind: vxlan");
  }
  if (vxlan && vni == nullptr && section->complete) {
    report.Error(section->at, section->path,
                 "a VXLAN tunnel needs its network identifier; accepted: with 'vni'");
  }
  if (const ConfigValue* const number = vxlan ? vni : key) {
    tunnel.key = static_cast<uint32_t>(number->As<uint64_t>());
  }
}

uint16_t MtuOfLower(const ConfigValue& document, const ConfigValue& vlan) {
  uint16_t mtu = kDefaultMtu;
  const ConfigValue* const name = vlan.Find("port");
  for (const ConfigValue& port : document.ItemsOf("ports")) {
    if (name != nullptr && port.key == name->As<std::string>()) port.Get("mtu", mtu);
  }
  return mtu;
}

void CheckStack(const ConfigValue& document, const std::vector<PortConfig>& ports,
                ConfigReport& report) {
  const ConfigValue* const section = document.Find("ports");
  if (section == nullptr) return;
  StackCheck check(ports, section->complete, report);
  for (size_t p = 0; p < ports.size(); ++p) check.Check(section->items[p], ports[p]);
}

}  // namespace flyover
