// The kernel's routes, as far as they matter to the RIB: from netlink messages to RibRoutes.
//
// The kernel keeps several routes to one prefix with one metric (appended ones, other tables); the
// RIB knows one. Which: that of the local table, then of the configured tables in their order; in a
// table the first that is usable. Routes of IPv6 that differ in their gateway only are one
// multipath route, as in the kernel, which announces the whole set after every addition and single
// members when they go.
//
// Not exact: IPv6 routes of different kinds (say a blackhole between two gateways) under one prefix
// and metric. The kernel's own dump leaves some of them out; the next dump decides.
//
// Left out, and counted: routes over interfaces that are no port's, with a source prefix or a TOS,
// with an encapsulation. A next hop whose link is down or without carrier is unusable; a route
// without usable next hop is not in the RIB, so that the next best one is.
//
// Threads: the control thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/netlink/message.h"
#include "router/control/rib_sink.h"
#include "router/fib/flat_map.h"

namespace flyover::router {

struct RouteMirrorCounters {
  uint64_t changes = 0;       // made to the RIB
  uint64_t refused = 0;       // routes that the RIB had no room for, each once until it got in
  uint64_t other_table = 0;   // messages about tables that are not mirrored
  uint64_t foreign = 0;       // ... over interfaces that are no port's
  uint64_t with_source = 0;   // ... of source-specific routes
  uint64_t with_tos = 0;      // ... of routes for one TOS only
  uint64_t encapsulated = 0;  // ... with MPLS, SRv6 or the like
};

class RouteMirror {
 public:
  // `port_of`: a port by interface index; kNoPort for other interfaces.
  RouteMirror(std::vector<uint32_t> tables, std::function<PortIndex(int)> port_of, RibSink& sink);

  // A change that the kernel announced.
  void Apply(const netlink::RouteMessage& message);

  // A dump: Begin, every route of both families, Finish. What the dump did not mention goes, unless
  // the dump may have gaps. A dump that failed is simply begun again.
  //
  // kAtEnd tells the sink of each prefix and metric once, in Finish. kAsTheyCome, of a first dump,
  // tells it of each route at once, so of some keys several times: while the rest is still being
  // read, with everything that it needs in the caches, and in the kernel's order, which is that of
  // the addresses.
  enum class Telling : uint8_t { kAtEnd, kAsTheyCome };
  void BeginDump(Telling telling = Telling::kAtEnd);
  // The family's routes come once more, from the first on: they had changed meanwhile.
  void RestartDump(IpFamily family);
  void ApplyDumped(netlink::RouteMessage message);
  void FinishDump(bool complete);

  // A next-hop object that some route uses (its change is not announced for every route).
  bool UsesNexthopId(uint32_t id) const { return nexthop_ids_.contains(id); }
  // Directed broadcast addresses by interface index.
  using Broadcasts = std::set<std::pair<int, Ipv4Address>>;
  const Broadcasts& broadcasts() const { return broadcasts_; }

  // Routes that the RIB has no room for: what they cover follows the next shorter prefix.
  size_t refused(IpFamily family) const { return Refused(family).size(); }
  // Tries some of them again, in turn; returns how many got in. To be called now and then.
  size_t RetryRefused();
  // At most `limit` of them, by prefix.
  std::vector<RibRoute> RefusedRoutes(size_t limit) const;

  // Prefix and metric pairs that are known, usable or not.
  size_t size() const { return slots_.size(); }
  const RouteMirrorCounters& counters() const { return counters_; }

 private:
  struct Key {
    IpPrefix prefix;
    uint32_t metric = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& k) const noexcept {
      return std::hash<IpPrefix>()(k.prefix) * 31 + k.metric;
    }
  };
  struct Entry {
    uint32_t table = 0;
    uint32_t mtu = 0;
    uint32_t nexthop_id = 0;
    uint8_t type = 0;
    uint8_t protocol = 0;
    std::vector<netlink::RouteNexthop> nexthops;
  };
  struct Slot {
    std::vector<Entry> entries;
    uint64_t published = 0;  // fingerprint of what the RIB has; 0: nothing
    uint32_t generation = 0;
  };

  bool Wanted(const netlink::RouteMessage& message);
  static void NoteBroadcast(const netlink::RouteMessage& message, Broadcasts& broadcasts);
  unsigned Rank(uint32_t table) const;
  void TakeArrived();
  void TakeDumped(netlink::RouteMessage message);
  static Entry EntryOf(netlink::RouteMessage message);
  static bool SameRoute(const Entry& a, const Entry& b);
  // A route that the kernel merges with others of its key into one multipath route.
  static bool Merges(const Key& key, const Entry& entry);
  void Add(const Key& key, Slot& slot, Entry entry, bool replace, bool append);
  void Remove(const Key& key, Slot& slot, const Entry& entry);
  std::optional<RibRoute> RouteOf(const Key& key, const Entry& entry) const;
  std::optional<RibRoute> Choose(const Key& key, const Slot& slot) const;
  // False: the RIB has no room for it.
  bool Publish(const Key& key, Slot& slot);

  uint32_t Generation(const Key& key) const {
    return generation_[key.prefix.family() == IpFamily::kIpv4 ? 0 : 1];
  }
  std::set<Key>& Refused(IpFamily family) { return refused_[family == IpFamily::kIpv4 ? 0 : 1]; }
  const std::set<Key>& Refused(IpFamily family) const {
    return refused_[family == IpFamily::kIpv4 ? 0 : 1];
  }

  std::vector<uint32_t> tables_;
  std::function<PortIndex(int)> port_of_;
  RibSink& sink_;
  FlatMap<Key, Slot, KeyHash> slots_;
  std::array<std::set<Key>, 2> refused_;  // by family
  std::array<Key, 2> retried_{};          // the last one that was tried again
  // Of a dump, not yet in `slots_`: where they will be is being fetched.
  static constexpr size_t kArriving = 32;
  std::vector<netlink::RouteMessage> arriving_;
  Telling telling_ = Telling::kAtEnd;
  Broadcasts broadcasts_;
  Broadcasts dumped_broadcasts_;
  std::set<uint32_t>
      nexthop_ids_;  // may name ones that are no longer used: a dump too many at worst
  std::array<uint32_t, 2> generation_{};  // by family
  RouteMirrorCounters counters_;
};

}  // namespace flyover::router
