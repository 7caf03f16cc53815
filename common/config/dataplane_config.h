// What the document says of the machine: lcores, memory, ports and their surroundings, after validation.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/strong_id.h"
#include "common/datapath/reasons.h"
#include "common/net/ip_prefix.h"
#include "common/net/mac_address.h"

namespace flyover {

enum class IdlePolicy : uint8_t { kPoll, kAdaptive };
enum class HugepagePolicy : uint8_t { kAuto, kOff, kRequired };

// Where in the document a value stands, for errors that are only found at start (a device that is not there).
struct DocumentMark {
  std::string file;
  int line = 0;  // 1-based
  int column = 0;
};

struct DataplaneConfig {
  std::string name = "flyover";      // file prefix: several data planes live on one machine under different names
  std::vector<unsigned> lcore_cpus;  // CPUs of the forwarding lcores; empty: automatic
  std::optional<unsigned> lcore_count;  // with automatic CPUs: how many; none: all but one
  IdlePolicy idle = IdlePolicy::kAdaptive;
  HugepagePolicy hugepages = HugepagePolicy::kAuto;
  uint32_t mbufs = 65'536;  // per NUMA node
  uint16_t burst = 64;
  std::string runtime_dir = "/run/flyover";
  DocumentMark mark;
};

struct PortConfig {
  std::string name;
  std::string device;  // PCI address or vdev string, as DPDK takes it
  uint16_t mtu = 1500;  // L3 bytes
  std::vector<InterfaceAddress> addresses;
  std::optional<unsigned> queues;  // receive queues; none: as many as lcores, or what the device has
  std::optional<MacAddress> mac;
  std::string tap;  // interface name in the kernel; default: the port's name
  bool promiscuous = false;
  DocumentMark mark;
};

struct KernelConfig {
  std::string network_namespace;        // where the TAPs live; empty: the daemon's own
  std::vector<uint32_t> tables{254};    // kernel route tables mirrored into the FIB (254 is main)
};

struct MetricsConfig {
  bool enabled = true;
  std::string listen = "127.0.0.1:9142";
  std::string network_namespace;
};

struct ControlConfig {
  std::string socket;  // empty: <runtime_dir>/<name>/control.sock
  std::string group = "";
};

struct LogConfig {
  std::string level = "info";  // trace, debug, info, warn, error
  std::map<std::string, std::string> areas;
  bool json = false;
};

struct PuntConfig {
  std::array<uint32_t, kPuntClassCount> rate{};  // packets per second and lcore
};

}  // namespace flyover
