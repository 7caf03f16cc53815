// Paths: what routes can do with a packet, each kept once and published as one next-hop group; and
// the adjacencies that they send through.
//
// Threads: control thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "common/base/status.h"
#include "common/rcu/qsbr_domain.h"
#include "router/fib/block_pool.h"
#include "router/fib/forwarding_tables.h"
#include "router/rib/link_state.h"
#include "router/rib/rib_types.h"

namespace flyover::router {

using PathId = uint32_t;
inline constexpr PathId kNoPath = 0;

struct PathSpec {
  NexthopAction action = NexthopAction::kNoRoute;
  // Sorted, without duplicates; empty where the action needs none.
  std::vector<RibNexthop> nexthops = {};
  uint16_t mtu = 0;
  VrfIndex vrf = kMainVrf;  // kLeak: where to look again
  bool operator==(const PathSpec&) const = default;

  // Next hops sorted, those that occur twice merged by adding weights, those of actions without any
  // dropped.
  static PathSpec Of(const RibRoute& route);
};

class PathTable {
 public:
  PathTable(ForwardingTables& tables, const LinkState& links, QsbrDomain& qsbr);
  PathTable(const PathTable&) = delete;
  PathTable& operator=(const PathTable&) = delete;

  // The path for `spec`, with one reference more. A new one takes its flows over from `like` where
  // it can. Errors: kResourceExhausted.
  Result<PathId> Acquire(const PathSpec& spec, PathId like = kNoPath);
  // REQUIRES, for the last reference: no FIB entry points at its group any more.
  void Release(PathId id);

  const PathSpec& spec(PathId id) const { return *paths_[id].spec; }
  GroupId group(PathId id) const { return paths_[id].group; }
  bool usable(PathId id) const { return paths_[id].usable; }

  // Every path that several next hops share, with the key of each next hop's member.
  template <typename Visit>
  void ForEachShared(Visit visit) const {
    for (const Path& path : paths_) {
      if (path.adjacencies.size() < 2) continue;
      std::vector<uint32_t> keys;
      for (const auto& adjacency : path.adjacencies) keys.push_back(adjacency->second.key);
      visit(*path.spec, path.group, path.references, Counted(path.group) - path.counted, keys);
    }
  }

  // Sent to the neighbour by all lcores since something routes through it.
  uint64_t Packets(const NeighborKey& key) const;
  // Looked up by all lcores that found this path, whatever the route, since there is one.
  uint64_t Packets(PathId id) const;

  // The neighbour's state has changed in LinkState.
  void NeighborChanged(const NeighborKey& key);
  // The port has changed in LinkState. True: the usable() of a path has changed.
  bool PortChanged(PortIndex port);

 private:
  // Of a gateway or an on-link host, with the MTU of the routes through it.
  struct AdjacencyKey {
    NeighborKey neighbor;
    uint16_t mtu = 0;
    auto operator<=>(const AdjacencyKey&) const = default;
  };
  struct AdjacencyRecord {
    uint32_t key = 0;           // GroupMember::key
    uint32_t counter = 0;       // Adjacency::counter
    uint64_t counted = 0;       // by others, before it had that place
    AdjacencyId id;             // its current slot
    std::vector<PathId> paths;  // that send through it
  };
  using AdjacencyMap = std::map<AdjacencyKey, AdjacencyRecord>;

  struct Path {
    const PathSpec* spec = nullptr;                   // key of `by_spec_`
    std::vector<AdjacencyMap::iterator> adjacencies;  // as spec->nexthops
    uint32_t references = 0;
    GroupId group;
    uint64_t counted = 0;  // of its group, by others, before it was this path's
    bool usable = false;
  };
  struct SpecHash {
    size_t operator()(const PathSpec& spec) const noexcept;
  };

  bool IsUsable(const PathSpec& spec) const;
  // What is connected by a tunnel needs no neighbour: it goes to the other end.
  bool IsByTunnel(const PathSpec& spec) const {
    return spec.action == NexthopAction::kGlean && links_.point_to_point(spec.nexthops[0].port);
  }
  GroupSpec GroupSpecOf(const Path& path) const;
  Adjacency Describe(const AdjacencyKey& key, uint32_t counter) const;
  // What all lcores have counted at a place.
  uint64_t Counted(uint32_t counter) const;
  uint64_t Counted(GroupId group) const;
  Result<AdjacencyMap::iterator> AcquireAdjacency(const AdjacencyKey& key, PathId user);
  void ReleaseAdjacency(AdjacencyMap::iterator adjacency, PathId user);
  // Gives the adjacency a new slot and returns the old one, which goes when all groups have moved.
  AdjacencyId Renew(const AdjacencyKey& key, AdjacencyRecord& record);
  void Publish(const std::vector<PathId>& paths, const std::vector<AdjacencyId>& old);

  ForwardingTables& tables_;
  const LinkState& links_;
  QsbrDomain& qsbr_;
  std::vector<Path> paths_;  // [0] is unused
  std::vector<PathId> free_;
  std::unordered_map<PathSpec, PathId, SpecHash> by_spec_;
  AdjacencyMap adjacencies_;
  std::shared_ptr<BlockPool> counters_;  // places in UseCounters
  uint32_t next_key_ = 1;
};

}  // namespace flyover::router
