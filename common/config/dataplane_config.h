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

struct PortConfig {
  std::string name;
  std::string device;   // PCI address or vdev string, as DPDK takes it
  uint16_t mtu = 1500;  // L3 bytes
  std::vector<InterfaceAddress> addresses;
  // Receive queues; none: as many as lcores, or what the device has.
  std::optional<unsigned> queues;
  std::optional<MacAddress> mac;  // none: the device's own
  std::string tap;                // interface name in the kernel; default: the port's name
  bool promiscuous = false;
  PortFeatures features;
  DocumentMark mark;  // of the device

  bool operator==(const PortConfig&) const = default;
};

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
