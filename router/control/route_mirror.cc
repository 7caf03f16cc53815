#include "router/control/route_mirror.h"

#include <linux/rtnetlink.h>

#include <algorithm>

#include "common/net/flow_hash.h"
#include "router/control/protocol_numbers.h"

namespace flyover::router {
namespace {

using netlink::RouteMessage;
using netlink::RouteNexthop;

constexpr uint8_t kUnusable = RTNH_F_DEAD | RTNH_F_LINKDOWN;

bool SamePath(const RouteNexthop& a, const RouteNexthop& b) {
  return a.gateway == b.gateway && a.if_index == b.if_index && a.encapsulated == b.encapsulated;
}
// Flags are the link's state of the moment and tell no two routes apart.
bool SamePathAndWeight(const RouteNexthop& a, const RouteNexthop& b) {
  return SamePath(a, b) && a.weight == b.weight;
}

// Never looked up: loopback, multicast and link-local are answered or refused before. Own
// link-local addresses are looked up.
bool OutsideTheFib(const RouteMessage& m) {
  const IpAddress& a = m.destination.address();
  if (a.IsMulticast()) return true;
  if (a.is_v4()) return (a.v4().value >> 24) == 127;
  static const IpAddress loopback = *IpAddress::Parse("::1");
  if (m.destination == IpPrefix::Host(loopback)) return true;
  return a.v6().IsLinkLocal() && m.type != RTN_LOCAL && m.type != RTN_ANYCAST;
}

uint64_t Fold(uint64_t hash, uint64_t value) {
  return Mum(hash ^ value ^ 0x9e3779b97f4a7c15ULL, 0xd1b54a32d192ed03ULL ^ (hash >> 7));
}

uint64_t Fingerprint(const RibRoute& route) {
  uint64_t h = Fold(1, (uint64_t{static_cast<uint8_t>(route.action)} << 32) | route.protocol);
  h = Fold(h, route.mtu);
  for (const RibNexthop& nexthop : route.nexthops) {
    h = Fold(h, (uint64_t{nexthop.port.value()} << 32) | nexthop.weight);
    if (!nexthop.gateway) continue;
    h = Fold(h, static_cast<uint64_t>(nexthop.gateway->family()));
    h = Fold(h, LoadUnaligned<uint64_t>(nexthop.gateway->bytes().data()));
    h = Fold(h, LoadUnaligned<uint64_t>(nexthop.gateway->bytes().data() + 8));
  }
  return h == 0 ? 1 : h;
}

}  // namespace

RouteMirror::RouteMirror(std::vector<uint32_t> tables, std::function<PortIndex(int)> port_of,
                         RibSink& sink)
    : tables_(std::move(tables)), port_of_(std::move(port_of)), sink_(sink) {
  // The kernel asks the local table first, and ours stands for all of its rules.
  std::erase(tables_, uint32_t{RT_TABLE_LOCAL});
  tables_.insert(tables_.begin(), uint32_t{RT_TABLE_LOCAL});
}

unsigned RouteMirror::Rank(uint32_t table) const {
  return static_cast<unsigned>(std::find(tables_.begin(), tables_.end(), table) - tables_.begin());
}

bool RouteMirror::Wanted(const RouteMessage& m) {
  if ((m.flags & RTM_F_CLONED) != 0 || OutsideTheFib(m)) return false;
  if (m.protocol == kVipProtocol) return false;  // for routing daemons: VipRoutes
  if (Rank(m.table) == tables_.size()) {
    ++counters_.other_table;
    return false;
  }
  if (m.has_source) {
    ++counters_.with_source;
    return false;
  }
  if (m.tos != 0) {
    ++counters_.with_tos;
    return false;
  }
  if (m.type == RTN_UNICAST) {
    const auto ours = [this](const RouteNexthop& n) { return port_of_(n.if_index) != kNoPort; };
    if (std::ranges::none_of(m.nexthops, ours)) ++counters_.foreign;
    if (std::ranges::any_of(m.nexthops, &RouteNexthop::encapsulated)) ++counters_.encapsulated;
  }
  return true;
}

void RouteMirror::NoteBroadcast(const RouteMessage& m, Broadcasts& broadcasts) {
  if (m.type != RTN_BROADCAST || m.nexthops.size() != 1) return;
  const std::pair entry(m.nexthops[0].if_index, m.destination.address().v4());
  if (m.removed) {
    broadcasts.erase(entry);
  } else {
    broadcasts.insert(entry);
  }
}

RouteMirror::Entry RouteMirror::EntryOf(RouteMessage m) {
  return {m.table, m.mtu, m.nexthop_id, m.type, m.protocol, std::move(m.nexthops)};
}

bool RouteMirror::SameRoute(const Entry& a, const Entry& b) {
  return a.table == b.table && a.type == b.type && a.protocol == b.protocol &&
         a.nexthop_id == b.nexthop_id &&
         std::ranges::equal(a.nexthops, b.nexthops, SamePathAndWeight);
}

bool RouteMirror::Merges(const Key& key, const Entry& entry) {
  return key.prefix.family() == IpFamily::kIpv6 && entry.type == RTN_UNICAST &&
         entry.nexthop_id == 0 && entry.protocol != RTPROT_RA && !entry.nexthops.empty() &&
         std::ranges::all_of(entry.nexthops, [](const auto& n) { return n.gateway.has_value(); });
}

void RouteMirror::Add(const Key& key, Slot& slot, Entry entry, bool replace, bool append) {
  std::vector<Entry>& entries = slot.entries;
  if (entry.nexthop_id != 0) nexthop_ids_.insert(entry.nexthop_id);
  const bool merges = Merges(key, entry);
  const auto same_kind = [&](const Entry& e) {
    return e.table == entry.table &&
           (key.prefix.family() == IpFamily::kIpv4 || Merges(key, e) == merges);
  };
  if (replace || merges) {
    // A replacing route takes the place of the first of its kind and key, or of its key; an IPv6
    // set is announced whole.
    auto old = std::ranges::find_if(entries, same_kind);
    if (old == entries.end() && replace) {
      old = std::ranges::find(entries, entry.table, &Entry::table);
    }
    if (old != entries.end()) {
      *old = entry;
      if (key.prefix.family() == IpFamily::kIpv4) {
        // Messages that a dump overtook may repeat what is there. (The kernel holds no IPv4 route
        // twice; of IPv6 on-link routes it may.)
        const auto repeated = [&](const Entry& e) { return SameRoute(e, entry); };
        entries.erase(std::remove_if(std::next(old), entries.end(), repeated), entries.end());
      }
      return;
    }
  }
  const auto known =
      std::ranges::find_if(entries, [&](const Entry& e) { return SameRoute(e, entry); });
  if (known != entries.end()) {
    *known = std::move(entry);
  } else if (append || key.prefix.family() == IpFamily::kIpv6) {
    entries.push_back(std::move(entry));
  } else {
    entries.insert(std::ranges::find_if(entries, same_kind), std::move(entry));
  }
}

void RouteMirror::Remove(const Key& key, Slot& slot, const Entry& entry) {
  std::vector<Entry>& entries = slot.entries;
  if (Merges(key, entry)) {
    const auto set = std::ranges::find_if(
        entries, [&](const Entry& e) { return e.table == entry.table && Merges(key, e); });
    if (set == entries.end()) return;
    std::erase_if(set->nexthops, [&](const RouteNexthop& n) {
      return std::ranges::any_of(entry.nexthops,
                                 [&](const auto& gone) { return SamePath(n, gone); });
    });
    if (set->nexthops.empty()) entries.erase(set);
    return;
  }
  auto gone = std::ranges::find_if(entries, [&](const Entry& e) { return SameRoute(e, entry); });
  if (gone == entries.end()) {
    // Next hops that died since are missing in the announcement.
    gone = std::ranges::find_if(entries, [&](const Entry& e) {
      return e.table == entry.table && e.type == entry.type && e.protocol == entry.protocol &&
             !Merges(key, e);
    });
  }
  if (gone != entries.end()) entries.erase(gone);
}

void RouteMirror::Apply(const RouteMessage& m) {
  if (!Wanted(m)) return;
  NoteBroadcast(m, broadcasts_);
  const Key key{m.destination, m.metric};
  if (m.removed) {
    Slot* const slot = slots_.Find(key);
    if (slot == nullptr) return;
    Remove(key, *slot, EntryOf(m));
    Publish(key, *slot);
    if (slot->entries.empty() && slot->published == 0) slots_.Erase(key);
    return;
  }
  Slot& slot = slots_[key];
  slot.generation = Generation(key);
  Add(key, slot, EntryOf(m), m.replace, m.append);
  Publish(key, slot);
}

void RouteMirror::BeginDump(Telling telling) {
  // Of what is known already some may not come again.
  telling_ = slots_.size() == 0 ? telling : Telling::kAtEnd;
  for (uint32_t& generation : generation_) ++generation;
  dumped_broadcasts_.clear();
  nexthop_ids_.clear();
  arriving_.clear();
}

void RouteMirror::RestartDump(IpFamily family) {
  TakeArrived();
  telling_ = Telling::kAtEnd;  // what came the first time only has to go
  ++generation_[family == IpFamily::kIpv4 ? 0 : 1];
  if (family == IpFamily::kIpv4) dumped_broadcasts_.clear();
}

void RouteMirror::ApplyDumped(RouteMessage m) {
  if (!Wanted(m)) return;
  slots_.Prefetch({m.destination, m.metric});
  if (telling_ == Telling::kAsTheyCome) sink_.Prefetch(m.destination);
  arriving_.push_back(std::move(m));
  if (arriving_.size() == kArriving) TakeArrived();
}

void RouteMirror::TakeArrived() {
  for (RouteMessage& message : arriving_) TakeDumped(std::move(message));
  arriving_.clear();
}

void RouteMirror::TakeDumped(RouteMessage m) {
  NoteBroadcast(m, dumped_broadcasts_);
  const Key key{m.destination, m.metric};
  Slot& slot = slots_[key];
  if (slot.generation != Generation(key)) {
    slot.entries.clear();
    slot.generation = Generation(key);
  }
  Entry entry = EntryOf(std::move(m));
  if (entry.nexthop_id != 0) nexthop_ids_.insert(entry.nexthop_id);
  slot.entries.push_back(std::move(entry));
  if (telling_ == Telling::kAsTheyCome) Publish(key, slot);
}

void RouteMirror::FinishDump(bool complete) {
  TakeArrived();
  if (complete) {
    broadcasts_.swap(dumped_broadcasts_);
  } else {
    broadcasts_.merge(dumped_broadcasts_);
  }
  if (telling_ == Telling::kAsTheyCome) return;
  std::vector<Key> gone;
  const auto publish = [&](const Key& key, Slot& slot) {
    if (complete && slot.generation != Generation(key)) slot.entries.clear();
    Publish(key, slot);
    if (slot.entries.empty() && slot.published == 0) gone.push_back(key);
  };
  // A million routes lie all over the memory: waiting for one after the other took half of the
  // time.
  const auto approach = [&](const Key& key, const Slot& slot, unsigned ahead) {
    if (ahead > slots_.kAhead) {
      __builtin_prefetch(slot.entries.data());
      sink_.Prefetch(key.prefix);
    } else if (!slot.entries.empty()) {
      __builtin_prefetch(slot.entries[0].nexthops.data());
    }
  };
  slots_.ForEach(publish, approach);
  for (const Key& key : gone) slots_.Erase(key);
}

std::optional<RibRoute> RouteMirror::RouteOf(const Key& key, const Entry& entry) const {
  RibRoute route;
  route.prefix = key.prefix;
  route.metric = key.metric;
  route.protocol = entry.protocol;
  route.mtu = static_cast<uint16_t>(std::min<uint32_t>(entry.mtu, UINT16_MAX));
  switch (entry.type) {
    case RTN_LOCAL:
    case RTN_ANYCAST:
      route.action = NexthopAction::kLocal;
      return route;
    case RTN_BROADCAST:
      // Of the box's other interfaces: nothing of ours can reach those.
      if (entry.nexthops.empty() || port_of_(entry.nexthops[0].if_index) == kNoPort) {
        return std::nullopt;
      }
      route.action = NexthopAction::kBroadcast;
      return route;
    case RTN_BLACKHOLE:
      route.action = NexthopAction::kBlackhole;
      return route;
    case RTN_UNREACHABLE:
      route.action = NexthopAction::kUnreachable;
      return route;
    case RTN_PROHIBIT:
      route.action = NexthopAction::kProhibit;
      return route;
    case RTN_UNICAST:
      break;
    default:
      return std::nullopt;
  }
  std::optional<RibNexthop> on_link;
  for (const RouteNexthop& nexthop : entry.nexthops) {
    const PortIndex port = port_of_(nexthop.if_index);
    if (port == kNoPort || nexthop.encapsulated || (nexthop.flags & kUnusable) != 0) continue;
    if (nexthop.gateway) {
      route.nexthops.push_back({nexthop.gateway, port, nexthop.weight});
    } else if (!on_link) {
      on_link = RibNexthop{std::nullopt, port, 1};
    }
  }
  // Alone it takes everything. A notification may still name the weight that it had beside others,
  // which a dump does not tell: the two must not differ.
  if (route.nexthops.size() == 1) route.nexthops[0].weight = 1;
  route.action = NexthopAction::kForward;
  if (route.nexthops.empty()) {
    if (!on_link) return std::nullopt;
    route.action = NexthopAction::kGlean;
    route.nexthops.push_back(*on_link);
  }
  return route;
}

std::optional<RibRoute> RouteMirror::Choose(const Key& key, const Slot& slot) const {
  std::optional<RibRoute> best;
  unsigned best_rank = 0;
  for (const Entry& entry : slot.entries) {
    const unsigned rank = Rank(entry.table);
    if (best && rank >= best_rank) continue;
    if (std::optional<RibRoute> route = RouteOf(key, entry)) {
      best = std::move(route);
      best_rank = rank;
    }
  }
  return best;
}

bool RouteMirror::Publish(const Key& key, Slot& slot) {
  std::set<Key>& refused = Refused(key.prefix.family());
  const std::optional<RibRoute> route = Choose(key, slot);
  const uint64_t fingerprint = route ? Fingerprint(*route) : 0;
  if (fingerprint != slot.published) {
    const Status done =
        route ? sink_.UpsertRoute(*route) : sink_.RemoveRoute(key.prefix, key.metric);
    if (!done.ok()) {
      if (refused.insert(key).second) ++counters_.refused;
      return false;
    }
    ++counters_.changes;
    slot.published = fingerprint;
  }
  if (!refused.empty()) refused.erase(key);
  return true;
}

size_t RouteMirror::RetryRefused() {
  constexpr unsigned kTries = 20'000;
  // Where the first few find no room, the others will hardly: but one of them may need less.
  constexpr unsigned kFailuresInARow = 64;
  size_t in = 0;
  for (const IpFamily family : {IpFamily::kIpv4, IpFamily::kIpv6}) {
    std::set<Key>& refused = Refused(family);
    Key& last = retried_[family == IpFamily::kIpv4 ? 0 : 1];
    unsigned failures = 0;
    for (unsigned tries = 0; tries < kTries && failures < kFailuresInARow; ++tries) {
      auto next = refused.upper_bound(last);
      if (next == refused.end()) next = refused.begin();
      if (next == refused.end()) break;
      last = *next;
      Slot* const slot = slots_.Find(last);
      const bool done = slot == nullptr || Publish(last, *slot);
      if (slot == nullptr) refused.erase(last);
      failures = done ? 0 : failures + 1;
      in += done ? 1 : 0;
    }
  }
  return in;
}

std::vector<RibRoute> RouteMirror::RefusedRoutes(size_t limit) const {
  std::vector<RibRoute> routes;
  for (const std::set<Key>& refused : refused_) {
    for (const Key& key : refused) {
      if (routes.size() == limit) return routes;
      const Slot* const slot = slots_.Find(key);
      if (slot == nullptr) continue;
      if (auto route = Choose(key, *slot)) routes.push_back(*std::move(route));
    }
  }
  return routes;
}

}  // namespace flyover::router
