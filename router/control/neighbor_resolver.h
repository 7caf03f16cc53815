// Asks the kernel to resolve neighbours that lcores hold packets for.
//
// Bounds: at most one request per second and target; open resolutions per family stay below half of
// the kernel's neighbour table limit (gc_thresh3), so that a scan of an empty subnet cannot keep
// the kernel from resolving what its own programs need.
//
// The answer does not come here: the kernel announces the neighbour's new state and KernelSync puts
// it into the RIB.
//
// Threads: the control thread. Nothing waits.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "common/net/ip_address.h"
#include "common/netlink/socket.h"

namespace flyover::router {

struct NeighborResolverCounters {
  uint64_t requests = 0;    // asked of the kernel
  uint64_t repeated = 0;    // not asked: the same within the second
  uint64_t over_limit = 0;  // not asked: too many are open
  uint64_t no_link = 0;     // not asked: the port has no TAP
  uint64_t table_full = 0;  // the kernel's table is full
  uint64_t refused = 0;     // the kernel said no (link down, IPv6 off, not a unicast address)
  uint64_t uses = 0;        // neighbours reported as used
  uint64_t timed_out = 0;   // the kernel said nothing about the outcome in time
};

class NeighborResolver {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    std::string network_namespace;
    std::function<int(PortIndex)> if_index;  // KernelSync::IfIndex
    uint32_t limit_v4 = 0;                   // open resolutions; 0: half of the kernel's gc_thresh3
    uint32_t limit_v6 = 0;
  };
  static Result<NeighborResolver> Open(Options options);

  // Tells the kernel that packets go to a neighbour that it knows: it confirms the entry.
  void ReportUse(PortIndex port, const IpAddress& address);
  void Resolve(PortIndex port, const IpAddress& address, Clock::time_point now);
  // The kernel told how it ended (KernelSync's on_neighbor_settled).
  void Finished(PortIndex port, const IpAddress& address);

  // Readable: answers to requests.
  int fd() const { return socket_.fd(); }
  void OnReadable();
  // Once a second or more often: forgets targets and outcomes that never came.
  void Tick(Clock::time_point now);

  const NeighborResolverCounters& counters() const { return counters_; }
  uint32_t open(IpFamily family) const { return open_[family == IpFamily::kIpv6]; }
  uint32_t limit(IpFamily family) const { return limit_[family == IpFamily::kIpv6]; }

 private:
  struct Target {
    PortIndex port;
    IpAddress address;
    bool operator==(const Target&) const = default;
  };
  struct TargetHash {
    size_t operator()(const Target& t) const noexcept {
      return std::hash<IpAddress>()(t.address) * 31 + t.port.value();
    }
  };
  struct State {
    Clock::time_point asked;
    uint32_t sequence = 0;
    bool open = true;
  };
  NeighborResolver(Options options, netlink::Socket socket);
  void Close(const Target& target, State& state);

  Options options_;
  netlink::Socket socket_;
  std::array<uint32_t, 2> limit_{};
  std::array<uint32_t, 2> open_{};
  std::unordered_map<Target, State, TargetHash> targets_;
  std::unordered_map<uint32_t, Target> by_sequence_;  // requests without an answer yet
  NeighborResolverCounters counters_;
};

}  // namespace flyover::router
