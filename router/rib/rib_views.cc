// What `show` asks of the RIB.
#include "router/rib/rib.h"

namespace flyover::router {

void Rib::ForEachNeighbor(const std::function<void(const NeighborView&)>& visit) const {
  for (const auto& [key, neighbor] : links_.neighbors()) {
    visit(vrf(links_.port(key.port).vrf).ViewOf(key));
  }
}

void Rib::ForEachEcmp(const std::function<void(const EcmpView&)>& visit) const {
  paths_.ForEachShared([&](const PathSpec& spec, GroupId group, uint32_t references,
                           uint64_t packets, const std::vector<uint32_t>& keys) {
    const GroupTable::View buckets = tables_.groups.ViewOf(group);
    EcmpView view{group, references, packets, {}, buckets.last_change};
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto own = buckets.buckets.find(keys[i]);
      view.members.push_back(
          {links_.ViewOf(spec.nexthops[i]), own == buckets.buckets.end() ? 0 : own->second});
    }
    visit(view);
  });
}

}  // namespace flyover::router
