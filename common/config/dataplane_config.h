// What the document says of the machine: lcores, memory, ports and their surroundings, after
// validation.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/strong_id.h"
#include "common/config/document_mark.h"
#include "common/datapath/reasons.h"
#include "common/net/ip_prefix.h"
#include "common/net/mac_address.h"

namespace flyover {

enum class IdlePolicy : uint8_t { kPoll, kAdaptive };
enum class HugepagePolicy : uint8_t { kAuto, kOff, kRequired };

struct DataplaneConfig {
  // File prefix: several data planes live on one machine under different names.
  std::string name = "flyover";
  std::vector<unsigned> lcore_cpus;     // CPUs of the forwarding lcores; empty: automatic
  std::optional<unsigned> lcore_count;  // with automatic CPUs: how many; none: all but one
  IdlePolicy idle = IdlePolicy::kAdaptive;
  HugepagePolicy hugepages = HugepagePolicy::kAuto;
  uint32_t mbufs = 65'536;  // per NUMA node
  uint16_t burst = 64;
  std::string runtime_dir =
      "/run/flyover";        // control.sock, lock, ... live in <runtime_dir>/<name>/
  DocumentMark mark;         // of the section
  DocumentMark lcores_mark;  // of the list or count of lcores

  // The folder of this data plane: <runtime_dir>/<name>.
  std::string Directory() const { return runtime_dir + "/" + name; }
  bool operator==(const DataplaneConfig&) const = default;
};

enum class ReversePathCheck : uint8_t { kOff, kStrict, kLoose, kFeasible };

inline constexpr std::array<std::string_view, 4> kReversePathNames = {"off", "strict", "loose",
                                                                      "feasible"};

// What a port does to packets beyond forwarding them. May change while the data plane runs.
struct PortFeatures {
  ReversePathCheck urpf = ReversePathCheck::kOff;
  bool fragment = true;              // cuts IPv4 packets without DF that are too long for the link
  bool directed_broadcast = false;   // sends what others address to the subnet's broadcast
  std::optional<uint8_t> dscp = {};  // of what comes in by the port; none: left as it is
  // Largest MSS for TCP over IPv4, bytes; 0: what the port's MTU holds; none: left as it is.
  std::optional<uint16_t> tcp_mss = {};
  bool operator==(const PortFeatures&) const = default;
};

// A sub-interface (IEEE 802.1Q, 802.1ad): the frames of another port that carry these tags.
struct VlanConfig {
  std::string port;    // whose frames; a device
  uint16_t id = 0;     // 1 to 4094; of the outer tag, where there are two
  uint16_t inner = 0;  // 0: one tag
  bool operator==(const VlanConfig&) const = default;
};

enum class BondMode : uint8_t { kActiveBackup, k8023ad };

inline constexpr std::array<std::string_view, 2> kBondModeNames = {"active-backup", "802.3ad"};

// Several devices as one.
struct BondConfig {
  BondMode mode = BondMode::kActiveBackup;
  std::vector<std::string> members;  // device strings; active-backup prefers the first
  bool operator==(const BondConfig&) const = default;
};

enum class TunnelKind : uint8_t {
  kIpip,   // IPv4 (RFC 2003) or IPv6 (RFC 4213) in IPv4; the same in IPv6 (RFC 2473)
  kGre,    // RFC 2784, key by RFC 2890
  kVxlan,  // RFC 7348
};

inline constexpr std::array<std::string_view, 3> kTunnelKindNames = {"ipip", "gre", "vxlan"};

// A link to one other router, over IP.
struct TunnelConfig {
  TunnelKind kind = TunnelKind::kIpip;
  IpAddress local;              // an address of this box
  IpAddress remote;             // of the same family
  std::optional<uint32_t> key;  // GRE's key, VXLAN's network identifier
  uint8_t ttl = 64;
  VrfIndex underlay = kMainVrf;  // in which the outer packets travel
  bool operator==(const TunnelConfig&) const = default;

  // Bytes in front of the IP packets that it carries.
  uint16_t Overhead() const {
    const uint16_t ip = local.is_v6() ? 40 : 20;
    if (kind == TunnelKind::kIpip) return ip;
    if (kind == TunnelKind::kVxlan) return static_cast<uint16_t>(ip + 8 + 8 + 14);
    return static_cast<uint16_t>(ip + (key ? 8 : 4));
  }
};

// A port is one of: a device, a bond, a sub-interface of either, a tunnel.
struct PortConfig {
  std::string name;
  std::string device;  // PCI address or vdev string, as DPDK takes it
  std::optional<BondConfig> bond;
  std::optional<VlanConfig> vlan;
  std::optional<TunnelConfig> tunnel;
  uint16_t mtu = 1500;  // L3 bytes
  std::vector<InterfaceAddress> addresses;
  // Receive queues; none: as many as lcores, or what the device has.
  std::optional<unsigned> queues;
  std::optional<MacAddress> mac;  // none: the device's own
  std::string tap;                // interface name in the kernel; default: the port's name
  VrfIndex vrf = kMainVrf;        // its TAP is in that namespace
  bool promiscuous = false;
  bool offloads = true;
  PortFeatures features;
  DocumentMark mark;  // of the device, or of what else the port is

  bool operator==(const PortConfig&) const = default;
};

// What DPDK opens for the port: its device, its bond's members, or nothing.
inline std::vector<std::string> DevicesOf(const PortConfig& port) {
  if (port.bond) return port.bond->members;
  if (port.device.empty()) return {};
  return {port.device};
}

// What the port is, for people: the device's string, or "vlan 100.7 on lan".
inline std::string DeviceWords(const PortConfig& port) {
  if (port.bond) {
    std::string words = std::string(kBondModeNames[static_cast<size_t>(port.bond->mode)]) + " of";
    for (const std::string& member : port.bond->members) words += " " + member;
    return words;
  }
  if (port.tunnel) {
    return std::string(kTunnelKindNames[static_cast<size_t>(port.tunnel->kind)]) + " " +
           port.tunnel->local.ToString() + " to " + port.tunnel->remote.ToString();
  }
  if (!port.vlan) return port.device;
  const std::string inner = port.vlan->inner == 0 ? "" : "." + std::to_string(port.vlan->inner);
  return "vlan " + std::to_string(port.vlan->id) + inner + " on " + port.vlan->port;
}

// The port of that name. REQUIRES: there is one.
inline PortIndex PortNamed(const std::vector<PortConfig>& ports, std::string_view name) {
  size_t p = 0;
  while (ports[p].name != name) ++p;
  return PortIndex(static_cast<uint8_t>(p));
}

// How a VRF, the main one or another, is tied to the kernel.
struct KernelConfig {
  std::string network_namespace;      // where the TAPs live; empty: the daemon's own
  std::vector<uint32_t> tables{254};  // kernel route tables mirrored into the FIB (254 is main)
  DocumentMark mark;                  // of the namespace
  bool operator==(const KernelConfig&) const = default;
};

struct MetricsConfig {
  bool enabled = true;
  std::string listen = "127.0.0.1:9142";  // ADDRESS:PORT or [ADDRESS]:PORT
  std::string network_namespace;          // where the endpoint listens; empty: the daemon's own
  DocumentMark mark;                      // of the listen address
  bool operator==(const MetricsConfig&) const = default;
};

struct ControlConfig {
  std::string socket;       // empty: <runtime_dir>/<name>/control.sock
  std::string group;        // members may use the socket, besides root; empty: nobody else
  DocumentMark mark;        // of the socket
  DocumentMark group_mark;  // of the group
  bool operator==(const ControlConfig&) const = default;
};

struct LogConfig {
  std::string level = "info";                // trace, debug, info, warn, error, off
  std::map<std::string, std::string> areas;  // levels of areas that differ from `level`
  bool json = false;
  bool operator==(const LogConfig&) const = default;
};

// The rates of common/datapath/reasons.h.
constexpr std::array<uint32_t, kPuntClassCount> DefaultPuntRates() {
  std::array<uint32_t, kPuntClassCount> rates{};
  for (size_t i = 0; i < kPuntClassCount; ++i) rates[i] = kPuntClasses[i].default_rate;
  return rates;
}

struct PuntConfig {
  std::array<uint32_t, kPuntClassCount> rate = DefaultPuntRates();  // packets per second and lcore
  bool operator==(const PuntConfig&) const = default;
};

}  // namespace flyover
