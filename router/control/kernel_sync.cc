#include "router/control/kernel_sync.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>

#include "common/log/log.h"
#include "router/rib/rib.h"

namespace flyover::router {
namespace {

using netlink::Bytes;
using netlink::ReceiveOutcome;

// One call of OnReadable reads at most this many datagrams: the control thread has others to serve.
constexpr unsigned kDatagramsAtOnce = 1024;
// Dumps leave the control thread at least this much of the time.
constexpr auto kMinDumpPause = std::chrono::milliseconds(50);
constexpr int kDumpPauseFactor = 4;
constexpr auto kDumpEvery = std::chrono::minutes(5);
constexpr int kDumpAttempts = 3;
constexpr std::array<uint8_t, 1> kAnyFamily{AF_UNSPEC};

std::vector<unsigned> Groups() {
  return {RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_NEIGH,
          RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_NEXTHOP};
}

IpFamily FamilyOf(uint8_t family) { return family == AF_INET6 ? IpFamily::kIpv6 : IpFamily::kIpv4; }

bool IsLoopback(const IpAddress& a) {
  static const IpAddress v6 = *IpAddress::Parse("::1");
  return a.is_v4() ? (a.v4().value >> 24) == 127 : a == v6;
}

}  // namespace

class KernelSync::RibWriter : public RibSink {
 public:
  RibWriter(Rib& rib, VrfIndex vrf) : rib_(rib), routes_(rib.vrf(vrf)) {}

  void Prefetch(const IpPrefix& prefix) const override { routes_.Prefetch(prefix); }
  Status UpsertRoute(const RibRoute& route) override {
    return Checked(routes_.UpsertRoute(route), route.prefix);
  }
  Status RemoveRoute(const IpPrefix& prefix, uint32_t metric) override {
    const Status status = routes_.RemoveRoute(prefix, metric);
    // A broadcast address that may be sent to was taken out before.
    return status.code() == StatusCode::kNotFound ? Status::Ok() : Checked(status, prefix);
  }
  void SetNeighbor(PortIndex port, const IpAddress& address, const MacAddress& mac) override {
    rib_.SetNeighbor(port, address, mac);
  }
  void SetNeighborFailed(PortIndex port, const IpAddress& address) override {
    rib_.SetNeighborFailed(port, address);
  }
  void RemoveNeighbor(PortIndex port, const IpAddress& address) override {
    rib_.RemoveNeighbor(port, address);
  }

 private:
  static Status Checked(Status status, const IpPrefix& prefix) {
    // What there is no room for is told by WatchRoom.
    if (!status.ok() && status.code() != StatusCode::kResourceExhausted) {
      LogLimited(LogArea::kNetlink, LogLevel::kError, "rib",
                 "route {} of the kernel is not forwarded: {}", prefix.ToString(),
                 status.message());
    }
    return status;
  }

  Rib& rib_;
  VrfRib& routes_;
};

Result<std::unique_ptr<KernelSync>> KernelSync::Open(Options options, Rib& rib) {
  Result<netlink::Socket> events =
      netlink::Socket::Open({options.network_namespace, Groups(), options.receive_buffer_bytes});
  if (!events.ok()) return events.status();
  Result<netlink::Socket> requests = netlink::Socket::Open({options.network_namespace, {}, 0});
  if (!requests.ok()) return requests.status();
  return std::unique_ptr<KernelSync>(
      new KernelSync(std::move(options), rib, std::move(*events), std::move(*requests)));
}

KernelSync::KernelSync(Options options, Rib& rib, netlink::Socket events, netlink::Socket requests)
    : options_(std::move(options)),
      events_(std::move(events)),
      requests_(std::move(requests)),
      rib_(rib.vrf(options_.vrf)),
      writer_(std::make_unique<RibWriter>(rib, options_.vrf)),
      neighbors_(*writer_),
      routes_(
          options_.tables, [this](int if_index) { return PortOf(if_index); }, *writer_) {}

KernelSync::~KernelSync() = default;

PortIndex KernelSync::PortOfTap(int if_index) const {
  const auto link = links_.find(if_index);
  return link == links_.end() ? kNoPort : link->second.port;
}

PortIndex KernelSync::PortOf(int if_index) const {
  const auto link = links_.find(if_index);
  if (link == links_.end()) return kNoPort;
  return link->second.lower == 0 ? link->second.port : PortOfTap(link->second.lower);
}

const KernelSyncCounters& KernelSync::counters() const {
  counters_.routes = routes_.counters();
  return counters_;
}

KernelSyncCounters KernelSync::counters(Clock::time_point now) const {
  const auto us = [now](Clock::time_point since) {
    return static_cast<uint64_t>(std::max<int64_t>(
        0, std::chrono::duration_cast<std::chrono::microseconds>(now - since).count()));
  };
  KernelSyncCounters counters = this->counters();
  counters.last_dump_age_us = us(last_dump_);
  counters.dump_due = dump_wanted_;
  counters.queue_bytes = events_.QueuedBytes();
  if (behind_since_) counters.behind_us = us(*behind_since_);
  return counters;
}

Result<std::vector<RouteDifference>> KernelSync::Diff(Clock::time_point now) {
  std::vector<RouteDifference> differences;
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    OnReadable(now);
    RouteComparison comparison(rib_);
    RouteMirror mirror(
        options_.tables, [this](int if_index) { return PortOf(if_index); }, comparison);
    mirror.BeginDump();
    bool complete = false;
    const Status status = DumpTable(
        netlink::DumpRoutes, netlink::kIpFamilies,
        [&](uint8_t family) { mirror.RestartDump(FamilyOf(family)); },
        [&](Bytes b) {
          if (auto m = netlink::ParseRoute(b)) mirror.ApplyDumped(*std::move(m));
        },
        complete);
    if (!status.ok()) return status;
    OnReadable(now);  // what changed during the dump
    comparison.Begin();
    mirror.FinishDump(complete);
    differences = comparison.Finish();
    if (differences.empty()) break;
  }
  return differences;
}

Status KernelSync::Start(Clock::time_point now, std::span<const unsigned> cpus) {
  dump_cpus_ = cpus;
  Status status = Resync(now);
  dump_cpus_ = {};
  return status;
}

Status KernelSync::Resync(Clock::time_point now) {
  Status status = DumpAll(now);
  Dispatch();
  return status;
}

void KernelSync::OnReadable(Clock::time_point now) {
  const ReceiveOutcome outcome =
      events_.Receive(kDatagramsAtOnce, [&](Bytes message) { HandleMessage(message, now); });
  if (outcome != ReceiveOutcome::kMore) {
    behind_since_.reset();
  } else if (!behind_since_) {
    behind_since_ = now;
  }
  if (outcome == ReceiveOutcome::kLost) {
    ++counters_.losses;
    RequestDump("messages were lost");
  } else if (outcome == ReceiveOutcome::kFailed) {
    LogLimited(LogArea::kNetlink, LogLevel::kError, "events", "netlink events cannot be read");
    RequestDump("events could not be read");
  }
  DumpIfDue(now);
  Dispatch();
}

void KernelSync::Tick(Clock::time_point now) {
  neighbors_.Tick(now);
  WatchRoom();
  if (now >= last_dump_ + kDumpEvery) RequestDump("it is time to compare");
  DumpIfDue(now);
  Dispatch();
}

RouteRoom KernelSync::room(IpFamily family) const {
  return {rib_.fill(family), routes_.refused(family),
          watches_[family == IpFamily::kIpv4 ? 0 : 1].state()};
}

void KernelSync::WatchRoom() {
  routes_.RetryRefused();
  for (const IpFamily family : {IpFamily::kIpv4, IpFamily::kIpv6}) {
    FillWatch& watch = watches_[family == IpFamily::kIpv4 ? 0 : 1];
    const RouteFill fill = rib_.fill(family);
    const size_t refused = routes_.refused(family);
    if (!watch.Update(fill.share(), refused)) continue;
    const char* const name = family == IpFamily::kIpv4 ? "IPv4" : "IPv6";
    const auto percent = static_cast<unsigned>(fill.share() * 100);
    if (watch.state() == FillState::kRoom) {
      Log(LogArea::kNetlink, LogLevel::kInfo, "{}: there is room for routes again ({} of {}, {} %)",
          name, fill.routes, fill.route_limit, percent);
    } else if (watch.state() == FillState::kNearlyFull) {
      Log(LogArea::kNetlink, LogLevel::kWarn,
          "{}: the forwarding table is nearly full: {} of {} routes, {} of {} blocks ({} %)", name,
          fill.routes, fill.route_limit, fill.blocks, fill.block_limit, percent);
    } else {
      Log(LogArea::kNetlink, LogLevel::kError,
          "{}: the forwarding table is full: {} of {} routes, {} of {} blocks; {} routes of the "
          "kernel are not forwarded by themselves, shorter prefixes go on (see `flyover show "
          "routes "
          "--refused` and router.capacity)",
          name, fill.routes, fill.route_limit, fill.blocks, fill.block_limit, refused);
    }
  }
}

void KernelSync::RequestDump(const char* why) {
  if (!dump_wanted_) Log(LogArea::kNetlink, LogLevel::kDebug, "will dump again: {}", why);
  dump_wanted_ = true;
}

void KernelSync::DumpIfDue(Clock::time_point now) {
  if (!dump_wanted_ || now < next_dump_) return;
  const Status status = DumpAll(now);
  if (status.ok()) return;
  LogLimited(LogArea::kNetlink, LogLevel::kWarn, "dump", "dump of the kernel's tables failed: {}",
             status.message());
}

void KernelSync::HandleMessage(Bytes message, Clock::time_point now) {
  ++counters_.messages;
  bool understood = true;
  switch (netlink::MessageType(message)) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      // A bridge tells of its ports in messages of this type, which are none of ours.
      if (const auto link = netlink::ParseLink(message)) HandleLink(*link);
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      if (const auto address = netlink::ParseAddress(message)) {
        HandleAddress(*address);
        // Routes with that preferred source go without a message.
        if (address->removed) RequestDump("an address was removed");
      } else {
        understood = false;
      }
      break;
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      // Bridges' tables come in messages of this type too.
      if (const auto neighbor = netlink::ParseNeighbor(message)) HandleNeighbor(*neighbor, now);
      break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      // Multicast routing has the same type and another family.
      if (const auto route = netlink::ParseRoute(message)) HandleRoute(*route);
      break;
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      if (const auto nexthop = netlink::ParseNexthop(message)) {
        if (routes_.UsesNexthopId(nexthop->id)) RequestDump("a next-hop object in use changed");
      } else {
        understood = false;
      }
      break;
    default:
      break;
  }
  if (!understood) ++counters_.malformed;
}

void KernelSync::HandleLink(const netlink::LinkMessage& m) {
  if (m.removed) {
    RemoveLink(m.if_index);
    return;
  }
  const auto [it, fresh] = links_.try_emplace(m.if_index);
  Link& link = it->second;
  link.generation = link_generation_;
  const Link before = link;
  link.name = m.name;
  link.admin_up = m.admin_up();
  link.carrier = m.carrier();
  if (m.mtu != 0) link.mtu = m.mtu;
  link.mac = m.mac.value_or(MacAddress{});
  if (m.kind == "macvlan") {
    link.lower = m.lower;
    addresses_dirty_ = true;
    if (fresh && PortOf(m.if_index) != kNoPort) RequestDump("a macvlan appeared on a TAP");
  }
  // A TAP that somebody renames remains the port's: its queue is still ours.
  if (link.port == kNoPort) {
    const auto tap = std::ranges::find(options_.ports, m.name, &PortTap::tap);
    if (tap != options_.ports.end() && IfIndex(tap->port) == 0) {
      link.port = tap->port;
      if_index_[link.port.value()] = m.if_index;
      addresses_dirty_ = true;
      if (!fresh) RequestDump("a link took the name of a TAP");
    }
  }
  if (link.port == kNoPort) return;
  const bool was_ours = before.port != kNoPort;
  if (was_ours && before.admin_up == link.admin_up && before.carrier == link.carrier &&
      before.mtu == link.mtu) {
    return;
  }
  Log(LogArea::kNetlink, LogLevel::kInfo, "TAP {}: {}, {}, MTU {}", link.name,
      link.admin_up ? "up" : "down", link.carrier ? "carrier" : "no carrier", link.mtu);
  link_changes_.push_back({link.port, true, m.if_index, link.admin_up, link.carrier,
                           static_cast<uint16_t>(std::min<uint32_t>(link.mtu, UINT16_MAX))});
  if (was_ours && before.up() != link.up()) RequestDump("a link changed");
  if (link.up() && !(was_ours && before.up())) links_up_.push_back(link.port);
}

void KernelSync::RemoveLink(int if_index) {
  const auto link = links_.find(if_index);
  if (link == links_.end()) return;
  const PortIndex port = link->second.port;
  const std::string name = link->second.name;
  links_.erase(link);
  std::erase_if(address_table_, [&](const auto& entry) { return entry.first.first == if_index; });
  addresses_dirty_ = true;
  if (port == kNoPort) return;
  if_index_[port.value()] = 0;
  Log(LogArea::kNetlink, LogLevel::kWarn, "TAP {} was removed", name);
  neighbors_.RemovePort(port);
  PortLinkChange change;
  change.port = port;
  link_changes_.push_back(change);
  RequestDump("a TAP was removed");
}

void KernelSync::HandleAddress(const netlink::AddressMessage& m) {
  const AddressKey key(m.if_index, m.address);
  if (m.removed) {
    address_table_.erase(key);
  } else {
    Address& address = address_table_[key];
    if (address.order == 0) address.order = ++address_order_;
    address.message = m;
    address.generation = link_generation_;
  }
  addresses_dirty_ = true;
}

void KernelSync::HandleNeighbor(const netlink::NeighborMessage& m, Clock::time_point now) {
  const PortIndex port = PortOfTap(m.if_index);
  if (port == kNoPort) return;
  if (neighbors_.Apply(port, m, now) && options_.on_neighbor_settled) {
    options_.on_neighbor_settled(port, m.address);
  }
}

void KernelSync::HandleRoute(const netlink::RouteMessage& m) {
  if (m.type == RTN_BROADCAST) addresses_dirty_ = true;
  routes_.Apply(m);
}

Status KernelSync::DumpTable(netlink::Request (*request)(uint8_t),
                             std::span<const uint8_t> families,
                             const std::function<void(uint8_t)>& again,
                             const std::function<void(Bytes)>& each, bool& complete) {
  complete = true;
  for (const uint8_t family : families) {
    const auto dump = [&] {
      return requests_.Dump(request(family), each, netlink::Socket::kDefaultTimeout, dump_cpus_);
    };
    auto outcome = dump();
    for (int attempt = 1; attempt < kDumpAttempts; ++attempt) {
      if (!outcome.ok() || *outcome != netlink::DumpOutcome::kInterrupted) break;
      Log(LogArea::kNetlink, LogLevel::kDebug, "a table changed while it was read; again");
      again(family);
      outcome = dump();
    }
    if (!outcome.ok()) return outcome.status();
    // A dump with gaps still tells what is there, not what is gone.
    if (*outcome == netlink::DumpOutcome::kInterrupted) complete = false;
  }
  if (!complete) RequestDump("the tables changed during the dump");
  return Status::Ok();
}

Status KernelSync::DumpAll(Clock::time_point now) {
  const auto begun = Clock::now();
  dump_wanted_ = false;
  last_dump_ = now;
  // What the kernel said before the dump is in the dump. Bounded: a flood must not keep us here.
  for (int i = 0; i < 64; ++i) {
    if (events_.Receive(kDatagramsAtOnce, [](Bytes) {}) == ReceiveOutcome::kDrained) break;
  }
  Status status = DumpTables(now);
  const auto duration = Clock::now() - begun;
  next_dump_ =
      now + duration + std::max<Clock::duration>(kMinDumpPause, kDumpPauseFactor * duration);
  if (!status.ok()) {
    ++counters_.failed_dumps;
    RequestDump("the last dump failed");
    return status;
  }
  ++counters_.dumps;
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  counters_.last_dump_us = static_cast<uint64_t>(us);
  Log(LogArea::kNetlink, LogLevel::kDebug, "dumped {} routes and {} neighbours in {} us",
      routes_.size(), neighbors_.size(), us);
  return Status::Ok();
}

Status KernelSync::DumpTables(Clock::time_point now) {
  bool complete = false;
  // Links first: their dump waits for the kernel's RTNL lock, and so for what a change of a link
  // that was just announced does to the routes.
  ++link_generation_;
  const auto nothing = [](uint8_t) {};
  Status status = DumpTable([](uint8_t) { return netlink::DumpLinks(); }, kAnyFamily, nothing,
                            [this](Bytes b) {
                              if (const auto m = netlink::ParseLink(b)) HandleLink(*m);
                            },
                            complete);
  if (!status.ok()) return status;
  if (complete) SweepLinks();

  status = DumpTable(
      netlink::DumpAddresses, netlink::kIpFamilies, nothing,
      [this](Bytes b) {
        if (const auto m = netlink::ParseAddress(b)) HandleAddress(*m);
      },
      complete);
  if (!status.ok()) return status;
  if (complete) {
    std::erase_if(address_table_,
                  [&](const auto& e) { return e.second.generation != link_generation_; });
  }
  addresses_dirty_ = true;

  neighbors_.BeginDump();
  status = DumpTable(
      netlink::DumpNeighbors, netlink::kIpFamilies, nothing,
      [&](Bytes b) {
        const auto m = netlink::ParseNeighbor(b);
        if (m && PortOfTap(m->if_index) != kNoPort) {
          neighbors_.ApplyDumped(PortOfTap(m->if_index), *m, now);
        }
      },
      complete);
  if (!status.ok()) return status;
  neighbors_.FinishDump(complete);

  routes_.BeginDump(RouteMirror::Telling::kAsTheyCome);
  status = DumpTable(
      netlink::DumpRoutes, netlink::kIpFamilies,
      [this](uint8_t family) { routes_.RestartDump(FamilyOf(family)); },
      [this](Bytes b) {
        if (auto m = netlink::ParseRoute(b)) routes_.ApplyDumped(*std::move(m));
      },
      complete);
  if (!status.ok()) return status;
  routes_.FinishDump(complete);
  return Status::Ok();
}

void KernelSync::SweepLinks() {
  std::vector<int> gone;
  for (const auto& [if_index, link] : links_) {
    if (link.generation != link_generation_) gone.push_back(if_index);
  }
  const bool wanted = dump_wanted_;
  for (const int if_index : gone) RemoveLink(if_index);
  dump_wanted_ = wanted;  // the dump that this is part of takes the routes away
}

void KernelSync::Dispatch() {
  PublishAddresses();
  // The callbacks may use this object: what they are told of is taken out first.
  const auto changes = std::exchange(link_changes_, {});
  const auto up = std::exchange(links_up_, {});
  if (options_.on_link_change) {
    for (const PortLinkChange& change : changes) options_.on_link_change(change);
  }
  if (options_.on_link_up) {
    for (const PortIndex port : up) options_.on_link_up(port);
  }
}

void KernelSync::PublishAddresses() {
  if (!std::exchange(addresses_dirty_, false)) return;
  std::vector<const Address*> sorted;
  for (const auto& [key, address] : address_table_) sorted.push_back(&address);
  std::ranges::sort(sorted, {}, &Address::order);
  KernelAddresses next;
  for (const bool primaries : {true, false}) {
    for (const Address* a : sorted) {
      const netlink::AddressMessage& m = a->message;
      const bool vip = m.protocol == kVipProtocol;
      const bool primary = (m.flags & (IFA_F_SECONDARY | IFA_F_DEPRECATED)) == 0 && !vip;
      // A duplicate on the link: not ours.
      if (primary != primaries || (m.flags & IFA_F_DADFAILED) != 0) continue;
      const IpAddress& address = m.address.address;
      if (const PortIndex port = PortOf(m.if_index); port != kNoPort) {
        // A virtual router's address moves to another box: it does not speak for the port.
        const bool own = PortOfTap(m.if_index) == port;
        next.ports[port.value()].own.push_back({m.address, primary && own, vip});
      } else if (!IsLoopback(address) && !(address.is_v6() && address.v6().IsLinkLocal())) {
        next.elsewhere.push_back(address);
      }
    }
  }
  for (const auto& [if_index, link] : links_) {
    const PortIndex port = link.lower == 0 ? kNoPort : PortOf(if_index);
    if (port != kNoPort && link.up()) next.ports[port.value()].macs.push_back(link.mac);
  }
  for (const auto& [if_index, address] : routes_.broadcasts()) {
    const PortIndex port = PortOf(if_index);
    if (port != kNoPort) next.ports[port.value()].broadcast.push_back(address);
  }
  if (next == addresses_) return;
  addresses_ = std::move(next);
  if (options_.on_addresses_change) options_.on_addresses_change(addresses_);
}

}  // namespace flyover::router
