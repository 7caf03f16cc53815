// The RIB: everything the kernel says of routes, neighbours and ports, and what of it the lcores
// shall look up.
//
// Rules
//  1. Of the routes to a prefix the usable one with the lowest metric is in the FIB. A route is
//  usable while one of
//     its next hops' ports is up; local, blackhole, unreachable and prohibit always are. A prefix
//     without usable route is not in the FIB: the next shorter one applies, as in the kernel.
//  2. A neighbour gets its own /32 or /128 exactly while the longest usable route that covers it is
//  the connected
//     route (kGlean) of the neighbour's port: forwarded when it is resolved, kHostUnreachable when
//     it has failed. So a route of the kernel for that address, or a longer one through a gateway,
//     wins.
//  3. A gateway's adjacency follows the neighbour of that address on that port: unknown is
//  kUnresolved.
//  4. Next hops whose port is down leave their groups at once and come back with the port.
//  5. Equal next hops are one group, whatever the number of routes.
//  6. A prefix with more than one usable route to forward by is also among the feasible ones, with
//  the next hops of all of them (RFC 3704 2.3).
//
// Threads: control thread only. The only writer of ForwardingTables; lcores read those.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/base/status.h"
#include "common/rcu/qsbr_domain.h"
#include "router/fib/flat_map.h"
#include "router/fib/forwarding_tables.h"
#include "router/rib/link_state.h"
#include "router/rib/path_table.h"
#include "router/rib/rib_types.h"

namespace flyover::router {

class Rib {
 public:
  // Both must outlive the RIB. Lcores may go on reading the tables after it is gone.
  Rib(ForwardingTables& tables, QsbrDomain& qsbr, const RouteCapacity& capacity = {});
  Rib(const Rib&) = delete;
  Rib& operator=(const Rib&) = delete;

  // A port that was never set is down. A change of MAC or MTU rewrites the port's adjacencies.
  void SetPort(PortIndex port, const RibPort& state);

  // Adds the route or replaces the one with the same prefix and metric.
  // Errors: kInvalidArgument    next hops do not fit the action, an unknown port number, an IPv4
  // gateway for IPv6
  //         kResourceExhausted  a table is full, or the family has as many routes as it may;
  //         nothing has changed. Local, broadcast and connected routes are not bounded by the
  //         latter.
  Status UpsertRoute(const RibRoute& route);
  // Errors: kNotFound; kResourceExhausted (see Fib6::Remove; the route stays).
  Status RemoveRoute(const IpPrefix& prefix, uint32_t metric);

  void SetNeighbor(PortIndex port, const IpAddress& address, const MacAddress& mac);
  // Until it is resolved or removed, packets to it are unreachable.
  void SetNeighborFailed(PortIndex port, const IpAddress& address);
  // Back to unresolved.
  void RemoveNeighbor(PortIndex port, const IpAddress& address);

  // In no particular order; every candidate, also those that are not in the FIB.
  void ForEachRoute(const std::function<void(const RouteView&)>& visit) const;
  // By address.
  void ForEachNeighbor(const std::function<void(const NeighborView&)>& visit) const;
  // Groups of several next hops, in no particular order.
  void ForEachEcmp(const std::function<void(const EcmpView&)>& visit) const;
  // Of the longest usable route that covers the address.
  std::optional<IpPrefix> CoveringPrefix(const IpAddress& address) const;
  RouteExplanation LookupRoute(const IpAddress& address) const;

  size_t route_count() const { return candidate_count_[0] + candidate_count_[1]; }
  RouteFill fill(IpFamily family) const;
  // Sent to the neighbour by all lcores since there is a way through it.
  uint64_t NeighborPackets(PortIndex port, const IpAddress& address) const {
    return paths_.Packets({address, port});
  }
  size_t neighbor_count() const { return links_.neighbors().size(); }
  // Changes that the FIB had no room for and that no Status could report (neighbours, ports).
  uint64_t refused_changes() const { return refused_changes_; }

 private:
  static constexpr uint32_t kNone = 0;

  // One route of the kernel. Those of a prefix are chained by ascending metric.
  struct Candidate {
    uint32_t metric = 0;
    PathId path = kNoPath;
    uint32_t next = kNone;
    uint8_t protocol = 0;
  };
  struct Node {
    uint32_t first = kNone;  // candidates
    PathId best = kNoPath;   // of the kernel's routes
    PathId host = kNoPath;   // of rule 2; goes before `best`
    uint32_t installed = 0;  // GroupId in the FIB
  };

  Result<PathId> AcquirePath(const PathSpec& spec, PathId like);
  uint32_t NewCandidate(const Candidate& candidate);
  // Where the candidate with `metric` hangs, or would.
  uint32_t* FindLink(Node& node, uint32_t metric);
  PathId BestUsable(const Node& node) const;
  // Makes the FIB follow the prefix's candidates, and the neighbours inside follow it. On error
  // nothing has changed.
  Status Reconcile(const IpPrefix& prefix);
  Status Install(const IpPrefix& prefix, Node& node, PathId wanted);
  // Rule 6 for one prefix.
  void ReconcileFeasible(const IpPrefix& prefix, const Node& node);
  void DropIfEmpty(const IpPrefix& prefix);
  // Rule 2, for all neighbours inside `prefix` and for one address.
  void ReconcileNeighbors(const IpPrefix& prefix);
  void ReconcileHost(const IpAddress& address);
  // Rule 1, for all prefixes, after ports changed.
  void ReconcileAll();
  void ChangeNeighbor(const NeighborKey& key, const std::optional<Neighbor>& state);
  // Lcores look again at what they hold.
  void Bump();
  // The longest prefix with a usable route. Nullptr: none.
  const Node* Covering(const IpAddress& address, IpPrefix& prefix) const;
  NexthopView ViewOf(const RibNexthop& hop) const;
  RouteView ViewOf(const IpPrefix& prefix, const Candidate& candidate, bool best) const;
  NeighborView ViewOf(const NeighborKey& key, const Neighbor& neighbor) const;

  ForwardingTables& tables_;
  QsbrDomain& qsbr_;
  const RouteCapacity capacity_;
  LinkState links_;
  PathTable paths_;
  FlatMap<IpPrefix, Node> nodes_;
  std::unordered_map<IpPrefix, PathId> feasible_;  // of rule 6
  std::vector<Candidate> candidates_;              // [0] is unused: 0 ends a chain
  std::vector<uint32_t> free_candidates_;
  std::array<size_t, 2> candidate_count_{};  // by family
  // Prefixes with candidates, by family (IPv6: 1) and length: a covering search asks only for
  // lengths that exist.
  std::array<std::array<uint32_t, 129>, 2> prefixes_by_length_{};
  uint64_t refused_changes_ = 0;
};

}  // namespace flyover::router
