#include <algorithm>
#include <cctype>
#include <map>
#include <string>

#include "common/config/address_check.h"
#include "common/config/machine_reader.h"
#include "common/config/port_stack.h"

namespace flyover {
namespace {

constexpr size_t kMaxInterfaceName = 15;    // IFNAMSIZ less the final NUL
constexpr unsigned kIpv6MinimumMtu = 1280;  // RFC 8200 5

// The part of a device string that says which device it is: PCI addresses in full and in small
// letters, of a vdev its name.
std::string DeviceName(const std::string& device) {
  std::string name = device.substr(0, device.find(','));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  // "3b:00.0" is "0000:3b:00.0".
  if (name.size() == 7 && name[2] == ':' && name[5] == '.') name = "0000:" + name;
  return name;
}

// The interface that an af_packet or af_xdp vdev sits on; empty for all others.
std::string VdevInterface(const std::string& device) {
  const size_t begin = device.find(",iface=");
  if (begin == std::string::npos || !device.starts_with("net_af_")) return {};
  const size_t value = begin + 7;
  return device.substr(value, device.find(',', value) - value);
}

// Things that no two ports may share: value -> path of the first port that has it.
class Unique {
 public:
  // False and an error when `value` was seen.
  bool Check(const ConfigValue& where, const std::string& value, const std::string& owner,
             std::string_view what, ConfigReport& report) {
    const auto [first, is_new] = owners_.emplace(value, owner);
    if (is_new) return true;
    report.Error(where.at, where.path,
                 std::string(what) + " " + Quoted(value) + " is also that of " + first->second +
                     "; accepted: one that no other port has");
    return false;
  }

 private:
  std::map<std::string, std::string> owners_;
};

struct Taken {
  Unique devices, interfaces, taps, addresses;
};

void CheckDevice(const ConfigValue& device, const std::string& owner, Taken& taken,
                 ConfigReport& report) {
  const auto& text = device.As<std::string>();
  const bool is_new = taken.devices.Check(device, DeviceName(text), owner, "device", report);
  const std::string interface = VdevInterface(text);
  if (is_new && !interface.empty()) {
    taken.interfaces.Check(device, interface, owner, "interface", report);
  }
}

void ReadDevice(const ConfigValue& entry, PortConfig& port, Taken& taken, ConfigReport& report) {
  if (const ConfigValue* const device = entry.Find("device")) {
    port.device = device->As<std::string>();
    port.mark = report.Mark(device->at);
    CheckDevice(*device, entry.path, taken, report);
  }
  const ConfigValue* const bond = entry.Find("bond");
  if (bond == nullptr) return;
  BondConfig& config = port.bond.emplace();
  port.mark = report.Mark(bond->at);
  if (const ConfigValue* const mode = bond->Find("mode")) {
    if (mode->As<std::string>() == kBondModeNames[1]) config.mode = BondMode::k8023ad;
  }
  for (const ConfigValue& member : bond->ItemsOf("members")) {
    config.members.push_back(member.As<std::string>());
    CheckDevice(member, entry.path, taken, report);
  }
}

void ReadTap(const ConfigValue& entry, PortConfig& port, Taken& taken, ConfigReport& report) {
  const ConfigValue* const tap = entry.Find("tap");
  port.tap = tap == nullptr ? port.name : tap->As<std::string>();
  ConfigValue where = tap == nullptr ? entry : *tap;
  if (tap == nullptr) where.at = entry.key_at;
  if (port.tap.size() > kMaxInterfaceName) {
    report.Error(
        where.at, where.path,
        "the port's name is too long for its TAP; accepted: at most 15 letters, or another "
        "name for the TAP by 'tap'");
  } else if (port.tap == "lo" || port.tap == "all" || port.tap == "default") {
    report.Error(where.at, where.path,
                 Quoted(port.tap) +
                     " cannot name a TAP, it has a meaning to the kernel; accepted: "
                     "any other interface name");
  } else {
    taken.taps.Check(where, port.tap, entry.path, "TAP", report);
  }
}

void ReadAddresses(const ConfigValue& entry, PortConfig& port, Taken& taken, ConfigReport& report) {
  for (const ConfigValue& item : entry.ItemsOf("addresses")) {
    const auto& address = item.As<InterfaceAddress>();
    port.addresses.push_back(address);
    const std::string_view why = WhyNotInterfaceAddress(address);
    if (!why.empty()) {
      report.Error(item.at, item.path,
                   Quoted(address.ToString()) + " " + std::string(why) +
                       "; accepted: a unicast address with its prefix length");
      continue;
    }
    const bool link_local = address.address.is_v6() && address.address.v6().IsLinkLocal();
    // Link-local addresses only need to differ on one link (RFC 4291 2.5.6).
    // The same holds for addresses of different VRFs.
    const std::string scope = link_local             ? "%" + port.name
                              : port.vrf == kMainVrf ? ""
                                                     : "@" + std::to_string(port.vrf.value());
    taken.addresses.Check(item, address.address.ToString() + scope, entry.path, "address", report);
    if (address.address.is_v6() && port.mtu < kIpv6MinimumMtu) {
      report.Error(item.at, item.path,
                   "an IPv6 address on a port with MTU " + std::to_string(port.mtu) +
                       "; accepted: MTU 1280 or more (RFC 8200 5), or no IPv6 address");
    }
  }
}

PortFeatures ReadFeatures(const ConfigValue& entry) {
  PortFeatures features;
  const auto is = [&](std::string_view key, std::string_view word) {
    const ConfigValue* const value = entry.Find(key);
    return value != nullptr && value->Is<std::string>() && value->As<std::string>() == word;
  };
  const auto number = [&](std::string_view key) -> std::optional<uint64_t> {
    const ConfigValue* const value = entry.Find(key);
    if (value == nullptr || !value->Is<uint64_t>()) return std::nullopt;
    return value->As<uint64_t>();
  };
  for (const ReversePathCheck check :
       {ReversePathCheck::kStrict, ReversePathCheck::kLoose, ReversePathCheck::kFeasible}) {
    if (is("urpf", kReversePathNames[static_cast<size_t>(check)])) features.urpf = check;
  }
  features.fragment = !is("fragment", "off");
  features.directed_broadcast = is("directed_broadcast", "on");
  if (is("tcp_mss", "auto")) features.tcp_mss = 0;
  if (const auto mss = number("tcp_mss")) features.tcp_mss = static_cast<uint16_t>(*mss);
  if (const auto dscp = number("dscp")) features.dscp = static_cast<uint8_t>(*dscp);
  return features;
}

}  // namespace

bool SameDevice(const std::string& a, const std::string& b) {
  const std::string interface = VdevInterface(a);
  return DeviceName(a) == DeviceName(b) || (!interface.empty() && interface == VdevInterface(b));
}

std::vector<PortConfig> ReadPorts(const ConfigValue& document, ConfigReport& report) {
  std::vector<PortConfig> ports;
  Taken taken;
  for (const ConfigValue& entry : document.ItemsOf("ports")) {
    PortConfig& port = ports.emplace_back();
    port.name = entry.key;
    entry.Get("mtu", port.mtu);
    if (const ConfigValue* const vlan = entry.Find("vlan"); vlan && !entry.Find("mtu")) {
      port.mtu = MtuOfLower(document, *vlan);
    }
    entry.Get("promiscuous", port.promiscuous);
    entry.Get("offloads", port.offloads);
    port.features = ReadFeatures(entry);
    if (const ConfigValue* const vrf = entry.Find("vrf"))
      port.vrf = FindVrf(document, *vrf, report);
    ReadDevice(entry, port, taken, report);
    ReadVlan(entry, port, report);
    ReadTunnel(document, entry, port, report);
    if (port.tunnel && entry.Find("mtu") == nullptr) {
      port.mtu = static_cast<uint16_t>(port.mtu - port.tunnel->Overhead());
    }
    ReadTap(entry, port, taken, report);
    ReadAddresses(entry, port, taken, report);
    if (const ConfigValue* const queues = entry.Find("queues"); queues && queues->Is<uint64_t>()) {
      port.queues = static_cast<unsigned>(queues->As<uint64_t>());
    }
    if (const ConfigValue* const mac = entry.Find("mac")) {
      port.mac = mac->As<MacAddress>();
      if (port.mac->IsMulticast() || port.mac->IsZero()) {
        report.Error(mac->at, mac->path,
                     Quoted(port.mac->ToString()) +
                         " is a group address or zero; accepted: a unicast MAC address");
      }
    }
  }
  CheckStack(document, ports, report);
  return ports;
}

}  // namespace flyover
