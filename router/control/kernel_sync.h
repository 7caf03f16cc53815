// The kernel's links, addresses, neighbours and routes, followed into the RIB.
//
// The kernel is the database: everything is dumped at start and followed by netlink afterwards. It
// is dumped again, and compared, when messages were lost (ENOBUFS), and where the kernel removes
// without saying so: IPv4 routes of a link that goes down or loses an address, next hops of a
// multipath route whose link changed, routes of a next-hop object that was changed or removed, a
// TAP that was made anew. Dumps are spaced out, so that a flapping link does not turn into a
// dumping loop. And it is dumped every five minutes: what a message told wrongly, or this code
// understood wrongly, does not stay so.
//
// Threads: the control thread. No call waits longer than netlink::Socket's bounds.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "common/netlink/socket.h"
#include "router/control/fill_watch.h"
#include "router/control/kernel_addresses.h"
#include "router/control/neighbor_keeper.h"
#include "router/control/neighbor_mirror.h"
#include "router/control/protocol_numbers.h"
#include "router/control/route_diff.h"
#include "router/control/route_mirror.h"
#include "router/fib/route_capacity.h"

namespace flyover::router {

class Rib;
class VrfRib;

// A TAP's state in the kernel: what `ip link set` did to it, or that it is gone. Its carrier is
// what TapDevice::SetCarrier made of the port's link.
struct PortLinkChange {
  PortIndex port;
  bool present = false;  // false: the device was removed; the rest is then meaningless
  int if_index = 0;
  bool admin_up = false;
  bool carrier = false;
  uint16_t mtu = 0;
};

struct KernelSyncCounters {
  uint64_t messages = 0;      // netlink messages that were read
  uint64_t malformed = 0;     // ... and could not be understood
  uint64_t losses = 0;        // times the kernel dropped messages
  uint64_t dumps = 0;         // complete dumps, the first one included
  uint64_t failed_dumps = 0;  // given up; tried again
  uint64_t last_dump_us = 0;  // duration of the last one
  uint64_t last_dump_age_us = 0;
  bool dump_due = false;     // something calls for the next one
  uint64_t queue_bytes = 0;  // of messages that the kernel has sent and nobody has read
  uint64_t behind_us = 0;  // since when there is more to read than one turn takes; 0: there is not
  RouteMirrorCounters routes;
};

// How full a family's tables are.
struct RouteRoom {
  RouteFill fill;
  uint64_t refused = 0;  // routes of the kernel that wait for room
  FillState state = FillState::kRoom;
};

class KernelSync {
 public:
  using Clock = std::chrono::steady_clock;

  struct PortTap {
    PortIndex port;
    std::string tap;  // interface name
  };
  struct Options {
    VrfIndex vrf = kMainVrf;  // whose routes these are
    std::string network_namespace;
    std::vector<PortTap> ports;         // those of the VRF
    std::vector<uint32_t> tables{254};  // in order of preference
    size_t receive_buffer_bytes = 64u << 20;
    // Called from Start, Resync, OnReadable and Tick. Each may be empty.
    std::function<void(const PortLinkChange&)> on_link_change;
    std::function<void(const KernelAddresses&)> on_addresses_change;
    // A neighbour's resolution ended: well, badly, or forgotten. For NeighborResolver::Finished;
    // must not call OnReadable, Tick or Resync (the others may).
    std::function<void(PortIndex, const IpAddress&)> on_neighbor_settled;
    // A port's TAP came up (administratively and carrier), or appeared: the kernel forgot its IPv4
    // routes in between. For StaticState::Reapply.
    std::function<void(PortIndex)> on_link_up;
  };

  static Result<std::unique_ptr<KernelSync>> Open(Options options, Rib& rib);
  ~KernelSync();
  KernelSync(const KernelSync&) = delete;
  KernelSync& operator=(const KernelSync&) = delete;

  // The first dump: reports every link and the addresses, fills the RIB. `cpus`: where its
  // receiving thread may run (netlink/read_ahead.h), those of lcores too, since nothing is
  // forwarded before it is over; empty, and in later dumps: where the caller may.
  Status Start(Clock::time_point now, std::span<const unsigned> cpus = {});

  // Readable: messages of the kernel.
  int fd() const { return events_.fd(); }
  // Reads a bounded number of messages; call again while the descriptor is readable.
  void OnReadable(Clock::time_point now);
  // Ten times a second: dumps that are due, failed neighbours to be forgotten.
  void Tick(Clock::time_point now);
  // Dumps and compares now, whatever the spacing: reload, and tests.
  Status Resync(Clock::time_point now);

  // The interface index of a port's TAP; 0: there is none.
  int IfIndex(PortIndex port) const { return if_index_[port.value()]; }
  const KernelAddresses& addresses() const { return addresses_; }
  // With ages as of `now`.
  KernelSyncCounters counters(Clock::time_point now) const;
  const KernelSyncCounters& counters() const;
  RouteRoom room(IpFamily family) const;
  // At most `limit` routes that there is no room for, by prefix.
  std::vector<RibRoute> RefusedRoutes(size_t limit) const { return routes_.RefusedRoutes(limit); }

  // Neighbours of our ports that the kernel has not heard of lately.
  std::vector<NeighborKeeper::Key> StaleNeighbors() const { return neighbors_.Stale(); }

  // Reads the kernel's routes anew, apart from what is mirrored, and compares them with the RIB.
  // Changes that are still on their way show up as differences. Errors: as the dump's.
  Result<std::vector<RouteDifference>> Diff(Clock::time_point now);

 private:
  class RibWriter;
  struct Link {
    std::string name;
    PortIndex port = kNoPort;
    bool admin_up = false;
    bool carrier = false;
    uint32_t mtu = 0;
    uint32_t generation = 0;
    int lower = 0;  // of a macvlan: the interface below it
    MacAddress mac;
    bool up() const { return admin_up && carrier; }
  };
  struct Address {
    netlink::AddressMessage message;
    uint64_t order = 0;  // in which they appeared; 0: new
    uint32_t generation = 0;
  };
  using AddressKey = std::pair<int, InterfaceAddress>;

  KernelSync(Options options, Rib& rib, netlink::Socket events, netlink::Socket requests);

  void HandleMessage(netlink::Bytes message, Clock::time_point now);
  void HandleLink(const netlink::LinkMessage& link);
  void HandleAddress(const netlink::AddressMessage& address);
  void HandleNeighbor(const netlink::NeighborMessage& neighbor, Clock::time_point now);
  void HandleRoute(const netlink::RouteMessage& route);
  void RemoveLink(int if_index);
  // The port whose TAP this is; kNoPort for all else.
  PortIndex PortOfTap(int if_index) const;
  // The same, or the port that a macvlan stands on: its addresses and routes are the port's.
  PortIndex PortOf(int if_index) const;

  // Lets refused routes in where there is room again, and says how full the tables are.
  void WatchRoom();
  void RequestDump(const char* why);
  void DumpIfDue(Clock::time_point now);
  // Everything the kernel has, compared with what is known.
  Status DumpAll(Clock::time_point now);
  Status DumpTables(Clock::time_point now);
  // One table; a family that changed meanwhile once more, after `again`. `complete`: it has no
  // gaps.
  Status DumpTable(netlink::Request (*request)(uint8_t family), std::span<const uint8_t> families,
                   const std::function<void(uint8_t family)>& again,
                   const std::function<void(netlink::Bytes)>& each, bool& complete);
  void SweepLinks();
  // Tells the callbacks what has changed.
  void Dispatch();
  void PublishAddresses();

  Options options_;
  netlink::Socket events_;
  netlink::Socket requests_;
  VrfRib& rib_;
  std::unique_ptr<RibWriter> writer_;
  std::map<int, Link> links_;        // all of the namespace
  std::array<int, 256> if_index_{};  // by port; 0: no TAP
  uint32_t link_generation_ = 0;
  std::map<AddressKey, Address> address_table_;
  uint64_t address_order_ = 0;
  bool addresses_dirty_ = false;
  KernelAddresses addresses_;
  NeighborMirror neighbors_;
  RouteMirror routes_;
  std::vector<PortLinkChange> link_changes_;  // not told yet
  std::vector<PortIndex> links_up_;
  bool dump_wanted_ = false;
  std::span<const unsigned> dump_cpus_;  // while Start runs
  Clock::time_point next_dump_{};
  Clock::time_point last_dump_{};
  std::optional<Clock::time_point> behind_since_;
  std::array<FillWatch, 2> watches_;  // by family
  mutable KernelSyncCounters counters_;
};

}  // namespace flyover::router
