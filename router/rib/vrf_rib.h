// The routes of one VRF: everything the kernel says of the prefixes in its namespace, the leaks of
// the document, and what of them the lcores shall look up.
//
// Rules
//  1. Of the routes to a prefix the usable one with the lowest metric is in the FIB. A route is
//     usable while one of its next hops' ports is up; local, blackhole, unreachable and prohibit
//     always are. A prefix without usable route is not in the FIB: the next shorter one applies, as
//     in the kernel.
//  2. A neighbour gets its own /32 or /128 exactly while the longest usable route that covers it is
//     the connected route (kGlean) of the neighbour's port: forwarded when it is resolved,
//     kHostUnreachable when it has failed. So a route of the kernel for that address, or a longer
//     one through a gateway, wins.
//  3. A prefix with more than one usable route to forward by is also among the feasible ones, with
//     the next hops of all of them (RFC 3704 2.3).
//  4. A leak goes before all else that its prefix has: the document says more than the kernel can.
//
// Threads: control thread only. The only writer of RouteTables; lcores read those.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
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

class VrfRib {
 public:
  // Prefixes that are looked up again in another VRF.
  using Leaks = std::map<IpPrefix, VrfIndex>;

  // All must outlive this. Lcores may go on reading the tables after it is gone.
  VrfRib(RouteTables& tables, const GroupTable& groups, PathTable& paths, const LinkState& links,
         QsbrDomain& qsbr, const RouteCapacity& capacity);
  VrfRib(const VrfRib&) = delete;
  VrfRib& operator=(const VrfRib&) = delete;

  // Of what a change or search of the prefix will read first.
  void Prefetch(const IpPrefix& prefix) const { nodes_.Prefetch(prefix); }

  // Adds the route or replaces the one with the same prefix and metric.
  // Errors: kInvalidArgument    next hops do not fit the action, an unknown port number, an IPv4
  // gateway for IPv6
  //         kResourceExhausted  a table is full, or the family has as many routes as it may;
  //         nothing has changed. Local, broadcast and connected routes are not bounded by the
  //         latter.
  Status UpsertRoute(const RibRoute& route);
  // Errors: kNotFound; kResourceExhausted (see Fib6::Remove; the route stays).
  Status RemoveRoute(const IpPrefix& prefix, uint32_t metric);
  // These leaks and no others. Goes on after an error and returns the first:
  // kResourceExhausted.
  Status SetLeaks(const Leaks& leaks);
  const Leaks& leaks() const { return leaks_; }

  // Of Rib: a neighbour at `address` has changed (rule 2); a port has (rule 1).
  void ReconcileHost(const IpAddress& address);
  void ReconcileAll();

  // One route as the kernel has it; valid until the next change. `index` is below route_slots().
  struct HeldRoute {
    uint32_t index = 0;
    uint8_t protocol = 0;
    const PathSpec* path = nullptr;
  };
  std::optional<HeldRoute> FindRoute(const IpPrefix& prefix, uint32_t metric) const;
  size_t route_slots() const { return candidates_.size(); }
  // In no particular order.
  template <typename Visit>
  void ForEachHeld(Visit visit) const {
    nodes_.ForEach([&](const IpPrefix& prefix, const Node& node) {
      for (uint32_t i = node.first; i != kNone; i = candidates_[i].next) {
        visit(prefix, candidates_[i].metric, Held(i));
      }
    });
  }
  // In no particular order; every candidate, also those that are not in the FIB. No leaks.
  void ForEachRoute(const std::function<void(const RouteView&)>& visit) const;
  // Of the longest usable route that covers the address.
  std::optional<IpPrefix> CoveringPrefix(const IpAddress& address) const;
  RouteExplanation LookupRoute(const IpAddress& address) const;
  // REQUIRES: the neighbour's port is of this VRF.
  NeighborView ViewOf(const NeighborKey& key) const;

  const RouteTables& tables() const { return tables_; }
  size_t route_count() const { return candidate_count_[0] + candidate_count_[1]; }
  RouteFill fill(IpFamily family) const;
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
    PathId leak = kNoPath;   // of rule 4; goes before both
    uint32_t installed = 0;  // GroupId in the FIB

    PathId route() const { return leak != kNoPath ? leak : best; }
    // What the FIB shall have, were `host` that of rule 2.
    PathId Wanted(PathId host_path) const {
      if (leak != kNoPath) return leak;
      return host_path != kNoPath ? host_path : best;
    }
    bool empty() const { return first == kNone && host == kNoPath && leak == kNoPath; }
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
  // nullopt: no leak.
  Status SetLeak(const IpPrefix& prefix, std::optional<VrfIndex> vrf);
  // Rule 3 for one prefix.
  void ReconcileFeasible(const IpPrefix& prefix, const Node& node);
  void DropIfEmpty(const IpPrefix& prefix);
  // Rule 2, for all neighbours inside `prefix`.
  void ReconcileNeighbors(const IpPrefix& prefix);
  // The longest prefix with a usable route. Nullptr: none.
  const Node* Covering(const IpAddress& address, IpPrefix& prefix) const;
  HeldRoute Held(uint32_t index) const {
    return {index, candidates_[index].protocol, &paths_.spec(candidates_[index].path)};
  }
  uint32_t& PrefixCount(const IpPrefix& prefix);
  RouteView ViewOf(const IpPrefix& prefix, const Candidate& candidate, bool best) const;

  RouteTables& tables_;
  const GroupTable& groups_;
  QsbrDomain& qsbr_;
  const RouteCapacity capacity_;
  const LinkState& links_;
  PathTable& paths_;
  FlatMap<IpPrefix, Node> nodes_;
  Leaks leaks_;
  std::unordered_map<IpPrefix, PathId> feasible_;  // of rule 3
  std::vector<Candidate> candidates_;              // [0] is unused: 0 ends a chain
  std::vector<uint32_t> free_candidates_;
  std::array<size_t, 2> candidate_count_{};  // by family
  // By family (IPv6: 1) and length: prefixes with candidates, and once more those with a leak. A
  // covering search asks only for lengths that exist.
  std::array<std::array<uint32_t, 129>, 2> prefixes_by_length_{};
  uint64_t refused_changes_ = 0;
};

}  // namespace flyover::router
