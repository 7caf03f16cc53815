#include "tools/flyoverd/daemon/balancer_side.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "common/log/log.h"
#include "tools/flyoverd/daemon/announcement.h"

namespace flyover {
namespace {

// A switch or host may miss one frame; the second comes a second later (RFC 5227 2.3, RFC
// 4861 7.2.6).
constexpr std::chrono::milliseconds kAnnounceAgain{1000};
constexpr std::chrono::milliseconds kTickPeriod{1000};
constexpr std::chrono::milliseconds kRoutePeriod{100};
constexpr unsigned kComparePeriods = 100;  // so often the kernel's table is looked at

auto Now() { return std::chrono::steady_clock::now(); }

}  // namespace

BalancerSide::BalancerSide(EventLoop& loop, Dataplane& dataplane)
    : loop_(loop), dataplane_(dataplane) {
  std::vector<const lb::ConnectionTable*> connections;
  std::vector<const lb::LbCounters*> counters;
  for (unsigned l = 0; l < dataplane.lcore_count(); ++l) {
    connections.push_back(dataplane.lcore(l).lb().connections.get());
    counters.push_back(&dataplane.lcore(l).lb().counters);
  }
  manager_ = std::make_unique<lb::ServiceManager>(dataplane.services(), dataplane.qsbr(),
                                                  std::move(connections), std::move(counters));
}

std::optional<StartError> BalancerSide::Start(const Document& document,
                                              const router::KernelAddresses& addresses) {
  auto checker = lb::HealthChecker::Start(
      {.network_namespace = document.lb.health_namespace, .seed = document.lb.seed});
  if (!checker.ok()) {
    return StartError{document.dataplane.mark, "health.namespace", checker.status().message()};
  }
  checker_ = std::move(*checker);
  if (Status status = Apply(document); !status.ok()) {
    return StartError{document.dataplane.mark, "services", status.message()};
  }
  std::vector<router::VipAddresses::PortTap> taps;
  for (size_t p = 0; p < document.ports.size(); ++p) {
    taps.push_back({PortIndex(static_cast<uint8_t>(p)), document.ports[p].tap});
  }
  auto vips = router::VipAddresses::Open(document.kernel.network_namespace, std::move(taps),
                                         PlacementOf(addresses));
  if (!vips.ok()) {
    return StartError{document.kernel.mark, "kernel.namespace", vips.status().message()};
  }
  vip_addresses_.emplace(std::move(*vips));
  PlaceVips(addresses);
  handles_.push_back(loop_.WatchFd(checker_->event_fd(), {.read = true}, [this](FdEvents) {
    const std::vector<lb::HealthEvent> events = checker_->TakeEvents();
    for (const lb::HealthEvent& event : events) {
      Log(LogArea::kHealth, LogLevel::kInfo, "{}: {} ({})", event.target.address.ToString(),
          event.state == lb::HealthState::kUp ? "up" : "down", event.reason);
    }
    manager_->OnHealthEvents(events);
    UpdateRoutes(/*compare=*/false);
  }));
  handles_.push_back(
      loop_.RunEvery(kRoutePeriod, [this] { UpdateRoutes(++ticks_ % kComparePeriods == 0); }));
  handles_.push_back(loop_.RunEvery(kTickPeriod, [this] { manager_->Tick(Now()); }));
  return std::nullopt;
}

Status BalancerSide::Apply(const Document& document) {
  if (Status status = manager_->Apply(document.lb, Now(), std::chrono::system_clock::now());
      !status.ok()) {
    return status;
  }
  checker_->SetTargets(manager_->HealthTargets());
  if (Status status = FollowAnnounceConfig(document); !status.ok()) {
    Log(LogArea::kLb, LogLevel::kError, "VIPs cannot be announced: {}", status.message());
  }
  return Status::Ok();
}

Status BalancerSide::FollowAnnounceConfig(const Document& document) {
  const auto& wanted = document.lb.announce;
  if (vip_routes_ && (!wanted || wanted->table != announce_->table)) {
    for (const Status& status : vip_routes_->Apply({})) {
      Log(LogArea::kLb, LogLevel::kWarn, "{}", status.message());
    }
    vip_routes_.reset();
    routed_.clear();
  }
  announce_ = wanted;
  if (!wanted) return Status::Ok();
  announcer_.SetHolds({.up = wanted->hold_up, .down = wanted->hold_down});
  if (!vip_routes_) {
    auto routes = router::VipRoutes::Open(document.kernel.network_namespace, wanted->table);
    if (!routes.ok()) return routes.status();
    vip_routes_.emplace(std::move(*routes));
  }
  UpdateRoutes(/*compare=*/true);
  return Status::Ok();
}

void BalancerSide::Stop() {
  handles_.clear();
  if (vip_routes_) vip_routes_->Apply({});
}

void BalancerSide::SetBoxDrained(bool drained) {
  announcer_.SetDrained(drained);
  UpdateRoutes(/*compare=*/false);
}

void BalancerSide::UpdateRoutes(bool compare) {
  if (!vip_routes_) return;
  announcer_.Update(manager_->VipHealth(), Now());
  std::set<IpPrefix> wanted = announcer_.Announced();
  if (wanted == routed_ && !compare) return;
  for (const IpPrefix& vip : wanted) {
    if (!routed_.contains(vip)) {
      Log(LogArea::kLb, LogLevel::kInfo, "VIP {} is announced", vip.ToHostOrPrefix());
    }
  }
  for (const IpPrefix& vip : routed_) {
    if (!wanted.contains(vip)) {
      Log(LogArea::kLb, LogLevel::kWarn, "VIP {} is withdrawn", vip.ToHostOrPrefix());
    }
  }
  const std::vector<Status> errors = vip_routes_->Apply(wanted);
  for (const Status& status : errors) {
    LogLimited(LogArea::kLb, LogLevel::kWarn, status.message(), "{}", status.message());
  }
  routed_ = std::move(wanted);
}

BalancerSide::Placement BalancerSide::PlacementOf(const router::KernelAddresses& addresses) const {
  Placement placement;
  for (const IpPrefix& prefix : manager_->Vips()) {
    if (!prefix.IsHost()) continue;  // routed here, not asked for by ARP or ND
    const IpAddress& vip = prefix.address();
    for (size_t p = 0; p < kMaxPorts; ++p) {
      for (const router::OwnAddress& own : addresses.ports[p].own) {
        if (own.vip || own.address.address.family() != vip.family()) continue;
        if (own.address.Subnet().IsHost() || !own.address.Subnet().Contains(vip)) continue;
        placement.emplace(PortIndex(static_cast<uint8_t>(p)), vip);
      }
    }
  }
  return placement;
}

void BalancerSide::PlaceVips(const router::KernelAddresses& addresses) {
  if (!vip_addresses_) return;
  const Placement wanted = PlacementOf(addresses);
  Placement fresh;
  std::set_difference(wanted.begin(), wanted.end(), placed_.begin(), placed_.end(),
                      std::inserter(fresh, fresh.end()));
  for (const auto& [port, vip] : placed_) {
    if (wanted.contains({port, vip})) continue;
    if (Status status = vip_addresses_->Remove(port, vip); !status.ok()) {
      Log(LogArea::kLb, LogLevel::kWarn, "{}", status.message());
    }
  }
  for (const auto& [port, vip] : fresh) {
    if (Status status = vip_addresses_->Add(port, vip); !status.ok()) {
      Log(LogArea::kLb, LogLevel::kWarn, "VIP {}: {}", vip.ToString(), status.message());
    }
  }
  placed_ = wanted;
  if (fresh.empty()) return;
  // Not at once: at start the lcores do not run yet.
  loop_.Post([this, fresh] { AnnounceAll(fresh); });
  again_ = loop_.RunAfter(kAnnounceAgain, [this] { AnnounceAll(placed_); });
}

void BalancerSide::AnnounceAll(const Placement& vips) {
  const router::PortTable& ports = *dataplane_.port_table().Load();
  for (const auto& [port, vip] : vips) {
    if (!ports[port].up) continue;
    const std::vector<uint8_t> frame = BuildAnnouncement(ports[port].mac, vip);
    if (!dataplane_.Announce(port, frame.data(), static_cast<uint16_t>(frame.size()))) {
      Log(LogArea::kLb, LogLevel::kWarn,
          "VIP {} could not be announced: no packet buffer or ring full", vip.ToString());
    }
  }
}

}  // namespace flyover
