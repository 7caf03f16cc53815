#include "tools/flyoverd/daemon/show_lookup.h"

#include <algorithm>
#include <cstdint>

namespace flyover {
namespace {

using router::GroupWord;
using router::NexthopAction;

// The adjacencies that a group can choose, each once.
std::vector<uint32_t> Members(const GroupWord& word) {
  std::vector<uint32_t> members;
  const size_t buckets = word.bucket_count();
  for (size_t b = 0; b < buckets; ++b) {
    members.push_back(word.Pick(static_cast<uint32_t>((uint64_t{b} << 32) / buckets)).value());
  }
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  return members;
}

LookupResult Lookup(const router::Rib& rib, const router::ForwardingTables& tables,
                    const RouterNames& names, VrfIndex vrf, const IpAddress& address) {
  const std::vector<std::string>& ports = names.ports;
  LookupResult result;
  result.address = address.ToString();
  GroupWord word = tables.groups.Load(tables.vrf(vrf).Lookup(address));
  if (word.action() == NexthopAction::kLeak) {
    vrf = word.vrf();
    result.leak = names.vrfs[vrf.value()];
    word = tables.groups.Load(tables.vrf(vrf).Lookup(address));
  }
  const auto covering = rib.vrf(vrf).CoveringPrefix(address);
  if (covering) result.prefix = covering->ToString();
  result.action = ActionName(word.action());
  if (word.action() == NexthopAction::kGlean) {
    result.nexthops.push_back({address.ToString(), PortName(ports, word.port()), 0, "unresolved"});
  }
  if (word.action() != NexthopAction::kForward) return result;
  for (const uint32_t member : Members(word)) {
    const router::Adjacency& adjacency = tables.adjacencies.Get(AdjacencyId(member));
    result.nexthops.push_back({adjacency.nexthop.ToString(), PortName(ports, adjacency.port),
                               adjacency.mtu, StateName(adjacency.state)});
  }
  return result;
}

}  // namespace

Result<LookupsResult> ShowLookups(const router::Rib& rib, const router::ForwardingTables& tables,
                                  const RouterNames& names, VrfIndex vrf,
                                  std::string_view addresses) {
  constexpr std::string_view kSpace = " \t\r\n";
  LookupsResult result;
  for (size_t at = addresses.find_first_not_of(kSpace); at != std::string_view::npos;) {
    const size_t end = std::min(addresses.find_first_of(kSpace, at), addresses.size());
    const std::string word(addresses.substr(at, end - at));
    const auto address = IpAddress::Parse(word);
    if (!address) {
      return Status(StatusCode::kInvalidArgument,
                    "'" + word + "' is not an address; accepted: 192.0.2.1 or 2001:db8::1");
    }
    result.lookups.push_back(Lookup(rib, tables, names, vrf, *address));
    at = addresses.find_first_not_of(kSpace, end);
  }
  return result;
}

}  // namespace flyover
