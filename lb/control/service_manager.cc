#include "lb/control/service_manager.h"

#include <algorithm>
#include <set>
#include <utility>

#include "lb/conntrack/coarse_clock.h"
#include "lb/control/effective_weights.h"
#include "lb/control/service_state.h"

namespace flyover::lb {

namespace {

// How much later than its last packet an entry may look, by clocks that tick in seconds.
constexpr std::chrono::seconds kClockSlack{3};

std::string BackendKey(const ServiceConfig& service, const IpAddress& address) {
  return service.name + "\n" + address.ToString();
}

std::optional<HealthTarget> TargetOf(const ServiceConfig& service, const BackendConfig& backend) {
  const HealthConfig& health = service.health;
  if (health.kind == HealthConfig::Kind::kNone) return std::nullopt;
  HealthTarget target;
  target.address = backend.address;
  target.kind = health.kind;
  using Kind = HealthConfig::Kind;
  if (health.kind != Kind::kIcmp) target.port = health.port.value_or(service.ports.first);
  const bool http = health.kind == Kind::kHttp || health.kind == Kind::kHttps;
  if (http || health.kind == Kind::kGrpc || health.kind == Kind::kDns) target.path = health.path;
  if (http) target.expect = health.expect;
  // Empty for those that have none.
  target.host = health.host;
  target.body = health.body;
  target.send = health.send;
  target.command = health.command;
  target.verify = health.verify;
  if (health.as_client) target.way = WayTo(service, backend);
  target.interval = health.interval;
  target.timeout = health.timeout;
  target.fall = health.fall;
  target.rise = health.rise;
  target.damping = health.damping;
  return target;
}

uint16_t Ticks(std::chrono::seconds timeout) {
  return static_cast<uint16_t>(
      std::clamp<int64_t>(timeout.count() * kTicksPerSecond, 1, kMaxTimeoutTicks));
}

Status CheckService(const ServiceConfig& service) {
  const auto fail = [&](const std::string& what) {
    return Status(StatusCode::kInvalidArgument, "service " + service.name + ": " + what);
  };
  if (std::find(kTableSizes.begin(), kTableSizes.end(), service.table_size) == kTableSizes.end()) {
    return fail("a table cannot have " + std::to_string(service.table_size) + " slots");
  }
  std::set<IpAddress> seen;
  if (service.forward == ForwardMode::kL3dsr) {
    // Only the address is changed, so it must fit into the packet.
    for (const IpPrefix& vip : service.vips) {
      for (const BackendConfig& backend : service.backends) {
        if (vip.family() != backend.address.family()) {
          return fail("l3dsr needs backends of the VIP's family, and " + backend.name + " is not");
        }
      }
    }
  }
  for (const BackendConfig& backend : service.backends) {
    if (!seen.insert(backend.address).second) {
      return fail("two backends have the address " + backend.address.ToString());
    }
    if (IsTunnel(service.forward) && !service.source.For(backend.address.family())) {
      return fail("backend " + backend.name + " needs a tunnel source of its family (source." +
                  (backend.address.is_v4() ? "ipv4" : "ipv6") + ")");
    }
  }
  return Status::Ok();
}

// Which slots of `present` the tables do not agree about; nothing where their sizes or affinities
// differ.
std::vector<uint64_t> UnsettledSlots(const PoolTable& present, const std::vector<PoolTable>& kept) {
  const auto owner = [](const PoolTable& table, uint32_t slot) {
    const uint16_t i = table.maglev->slots()[slot];
    return i == MaglevTable::kNone ? -1 : int{table.pool[i].value()};
  };
  const uint32_t size = present.maglev->size();
  std::vector<uint64_t> unsettled(kept.empty() ? 0 : size / 64 + 1);
  for (const PoolTable& table : kept) {
    if (table.maglev->size() != size || table.rule != present.rule) return {};
    for (uint32_t slot = 0; slot < size; ++slot) {
      const uint64_t differs = owner(table, slot) != owner(present, slot) ? 1 : 0;
      unsettled[slot / 64] |= differs << (slot % 64);
    }
  }
  return unsettled;
}

// "web1, web2, web3", cut short where it gets long.
template <typename Items, typename Name>
std::string Listed(const Items& items, Name&& name) {
  constexpr size_t kMost = 10;
  std::string text;
  for (size_t i = 0; i < items.size() && i < kMost; ++i) {
    text += (i == 0 ? "" : ", ") + name(items[i]);
  }
  if (items.size() > kMost) text += ", ...";
  return text.empty() ? "none" : text;
}

}  // namespace

ServiceManager::ServiceManager(Published<ServiceTable>& published, QsbrDomain& qsbr,
                               std::vector<const ConnectionTable*> connections,
                               std::vector<const LbCounters*> counters)
    : published_(published),
      qsbr_(qsbr),
      connections_(std::move(connections)),
      counters_(std::move(counters)),
      service_ids_(kMaxServices),
      backend_ids_(kMaxBackends) {}

ServiceManager::~ServiceManager() = default;

Status ServiceManager::Apply(const LbConfig& config, Clock::time_point now, WallTime wall_now) {
  if (Status status = Check(config); !status.ok()) return status;

  // Nothing can fail from here on.
  now_ = now;
  const ServicesByName running = ByName();
  std::vector<Service> next;
  std::set<std::string> kept;
  for (const ServiceConfig& service_config : config.services) {
    Service service = Successor(service_config, Find(running, service_config.name), wall_now);
    const auto [service_id, fresh_service] = service_ids_.Acquire(service_config.name);
    service.id = ServiceId(service_id);
    if (fresh_service) counters_.StartService(service.id);
    for (Backend& backend : service.backends) {
      const auto [backend_id, fresh_backend] = backend_ids_.Acquire(backend.key);
      backend.id = BackendId(backend_id);
      if (fresh_backend) counters_.StartBackend(backend.id);
      kept.insert(backend.key);
    }
    next.push_back(std::move(service));
  }
  for (const Service& old : services_) {
    for (const Backend& backend : old.backends) {
      if (!kept.contains(backend.key)) backend_ids_.Retire(backend.key, now);
    }
    // No entry holds a service's id, so it is free at once.
    const bool stays = std::any_of(next.begin(), next.end(), [&](const Service& service) {
      return service.config.name == old.config.name;
    });
    if (!stays) service_ids_.Free(old.config.name);
  }
  services_ = std::move(next);
  seed_ = config.seed;
  connection_config_ = config.connections;
  reject_unknown_ports_ = config.reject_unknown_ports;
  announces_ = config.announce.has_value();
  KeepHealthOf(services_, wall_now);
  Republish();
  return Status::Ok();
}

// What `config` makes of `old` (null: the service is new), but for ids.
ServiceManager::Service ServiceManager::Successor(const ServiceConfig& config, const Service* old,
                                                  WallTime wall_now) const {
  Service service;
  service.config = config;
  if (old != nullptr) {
    service.current = old->current;
    service.kept = old->kept;
    service.unsettled = old->unsettled;
  }
  for (const BackendConfig& backend_config : config.backends) {
    Backend& backend = service.backends.emplace_back();
    backend.config = backend_config;
    backend.key = BackendKey(config, backend_config.address);
    backend.target = TargetOf(config, backend_config);
    backend.since = wall_now;
    const Backend* const known = old == nullptr ? nullptr : old->Find(backend_config.address);
    if (known != nullptr) {
      backend.id = known->id;
      backend.since = known->since;
      backend.drained = known->drained;
      backend.ramp_since = known->ramp_since;
      if (known->config.weight == backend_config.weight) {
        backend.weight_by_command = known->weight_by_command;
      }
    } else if (old != nullptr) {
      backend.fresh = true;
      StartRamp(service, backend);
    }
  }
  return service;
}

ServiceManager::ServicesByName ServiceManager::ByName() const {
  ServicesByName map;
  for (const Service& service : services_) map.emplace(service.config.name, &service);
  return map;
}

const ServiceManager::Service* ServiceManager::Find(const ServicesByName& services,
                                                    const std::string& name) {
  const auto found = services.find(name);
  return found == services.end() ? nullptr : found->second;
}

// All that could stop a configuration, before anything is changed.
Status ServiceManager::Check(const LbConfig& config) const {
  VipIndex vips;
  std::set<std::string> names;
  size_t new_backends = 0;
  for (const ServiceConfig& service : config.services) {
    if (!names.insert(service.name).second) {
      return Status(StatusCode::kInvalidArgument, "two services are called " + service.name);
    }
    if (Status status = CheckService(service); !status.ok()) return status;
    for (const IpPrefix& vip : service.vips) {
      const Status status =
          vips.Add(vip, static_cast<uint8_t>(service.protocol), service.ports, ServiceId(0));
      if (!status.ok()) {
        return Status(StatusCode::kInvalidArgument,
                      "service " + service.name + ": " + status.message());
      }
    }
    for (const BackendConfig& backend : service.backends) {
      new_backends += !backend_ids_.Knows(BackendKey(service, backend.address));
    }
  }
  // Old services' ids are free only after this: a swap of all at once takes both halves.
  const size_t new_services =
      static_cast<size_t>(std::count_if(names.begin(), names.end(), [&](const std::string& name) {
        return !service_ids_.Knows(name);
      }));
  if (new_services > service_ids_.available()) {
    return Status(StatusCode::kResourceExhausted,
                  "there is room for " + std::to_string(kMaxServices) + " services");
  }
  if (new_backends > backend_ids_.available()) {
    return Status(StatusCode::kResourceExhausted,
                  "there is room for " + std::to_string(kMaxBackends) +
                      " backends over all services, those included that were removed a moment ago");
  }
  return Status::Ok();
}

void ServiceManager::KeepHealthOf(const std::vector<Service>& services, WallTime wall_now) {
  std::map<HealthTarget, Health> kept;
  for (const Service& service : services) {
    for (const Backend& backend : service.backends) {
      if (!backend.target) continue;
      const auto known = health_.find(*backend.target);
      kept.emplace(*backend.target, known != health_.end()
                                        ? known->second
                                        : Health{HealthState::kUnknown, "", wall_now});
    }
  }
  health_ = std::move(kept);
}

void ServiceManager::Republish() {
  auto table = std::make_unique<ServiceTable>();
  table->generation = ++generation_;
  table->reject_unknown_ports = reject_unknown_ports_;
  const uint16_t tcp = Ticks(connection_config_.tcp_timeout);
  const uint16_t udp = Ticks(connection_config_.udp_timeout);
  table->longest_timeout = std::max(tcp, udp);
  names_.clear();
  std::set<IpAddress> sources;
  for (size_t s = 0; s < services_.size(); ++s) {
    Service& service = services_[s];
    if (service.id.value() >= table->services.size()) {
      table->services.resize(service.id.value() + size_t{1});
    }
    ServiceEntry& entry = table->services[service.id.value()];
    entry.name = service.config.name;
    entry.protocol = service.config.protocol;
    entry.forward = service.config.forward;
    entry.timeout = entry.protocol == Protocol::kTcp ? tcp : udp;

    if (IsTunnel(entry.forward)) {
      const TunnelSource& source = service.config.source;
      if (source.ipv4) sources.insert(IpAddress(*source.ipv4));
      if (source.ipv6) sources.insert(IpAddress(*source.ipv6));
    }
    Weigh(service);
    std::vector<MaglevMember> members;
    for (size_t b = 0; b < service.backends.size(); ++b) {
      const Backend& backend = service.backends[b];
      members.push_back({backend.config.address, backend.effective_weight});
      if (backend.id.value() >= table->backends.size()) {
        table->backends.resize(backend.id.value() + size_t{1});
        table->timeouts.resize(table->backends.size(), table->longest_timeout);
        names_.resize(table->backends.size(), {kNobody, 0});
      }
      table->backends[backend.id.value()] = EntryOf(service, backend);
      table->timeouts[backend.id.value()] = static_cast<uint16_t>(
          entry.timeout | (entry.protocol == Protocol::kUdp ? ConnectionTimeouts::kUdp : 0));
      names_[backend.id.value()] = {static_cast<uint32_t>(s), static_cast<uint32_t>(b)};
    }
    // Cannot fail: Check has seen that addresses differ and how many there are.
    PoolTable next{
        std::move(tables_.Get(std::move(members), seed_, service.config.table_size)).value(),
        {},
        RuleOf(service.config)};
    for (const MaglevMember& member : next.maglev->members()) {
      next.pool.push_back(service.Find(member.address)->id);
    }
    ChangeTable(service, std::move(next));
    entry.maglev = service.current.maglev;
    entry.pool = service.current.pool;
    entry.rule = service.current.rule;
    entry.quic = QuicOf(service);
    table->any_quic = table->any_quic || entry.quic != nullptr;
    for (const Service::Kept& kept : service.kept) entry.previous.push_back(kept.table);
    if (std::exchange(service.tables_changed, false)) {
      service.unsettled = UnsettledSlots(service.current, entry.previous);
    }
    entry.unsettled = service.unsettled;
    for (const IpPrefix& vip : service.config.vips) {
      (void)table->vips.Add(vip, static_cast<uint8_t>(entry.protocol), service.config.ports,
                            service.id);
    }
  }
  table->FindPlainServices();
  table->tunnel_sources.assign(sources.begin(), sources.end());
  published_.Publish(std::move(table), qsbr_);
  tables_.Trim();
}

void ServiceManager::ChangeTable(Service& service, PoolTable next) {
  PoolTable before = std::exchange(service.current, std::move(next));
  if (before.maglev == nullptr || before.ChoosesLike(service.current)) return;
  service.tables_changed = true;
  if (before.maglev->empty()) return;  // whose flows were dropped
  const auto until = now_ + ChangeWindow(service.config.protocol) + kClockSlack;
  const auto alike =
      std::find_if(service.kept.begin(), service.kept.end(),
                   [&](const Service::Kept& kept) { return kept.table.ChoosesLike(before); });
  if (alike != service.kept.end()) {
    // It keeps its rank: what matters is the oldest table under which a flow may have begun.
    alike->until = until;
    return;
  }
  service.kept.push_back({std::move(before), until});
  if (service.kept.size() <= kMostKeptTables) return;
  service.kept.erase(
      std::min_element(service.kept.begin(), service.kept.end(),
                       [](const auto& a, const auto& b) { return a.until < b.until; }));
}

std::chrono::seconds ServiceManager::ChangeWindow(Protocol protocol) const {
  return connection_config_.change_window.value_or(
      protocol == Protocol::kTcp ? connection_config_.tcp_timeout : connection_config_.udp_timeout);
}

std::shared_ptr<const QuicRouting> ServiceManager::QuicOf(const Service& service) {
  if (service.config.quic.empty()) return nullptr;
  QuicRouting::Backends backends;
  for (const Backend& backend : service.backends) {
    for (const QuicServerId& id : backend.config.quic_ids) backends.emplace_back(id, backend.id);
  }
  return std::make_shared<const QuicRouting>(service.config.quic, std::move(backends));
}

BackendEntry ServiceManager::EntryOf(const Service& service, const Backend& backend) const {
  // Where health is not believed, a backend that is down has a weight.
  const BackendState state = backend.effective_weight != 0 ? BackendState::kActive
                             : IsDown(backend)             ? BackendState::kDown
                                                           : BackendState::kDrained;
  return MakeBackendEntry(service.id, state, service.config, backend.config);
}

bool ServiceManager::IsDown(const Backend& backend) const {
  if (!backend.target) return false;
  const auto health = health_.find(*backend.target);
  return health != health_.end() && health->second.state == HealthState::kDown;
}

bool ServiceManager::IsUp(const Backend& backend) const {
  if (!backend.target) return true;
  const auto health = health_.find(*backend.target);
  return health != health_.end() && health->second.state == HealthState::kUp;
}

void ServiceManager::Weigh(Service& service) const {
  std::vector<WeighedBackend> weighed;
  for (Backend& backend : service.backends) {
    unsigned ramp = kRampSteps;
    if (backend.ramp_since) {
      ramp = RampStep(now_ - *backend.ramp_since, service.config.slow_start);
      if (ramp == kRampSteps) backend.ramp_since.reset();
    }
    weighed.push_back(
        {backend.drained ? uint16_t{0} : backend.weight(), backend.config.priority, IsDown(backend),
         ramp,
         handshake_monitor_.Swallows(backend.id) ? service.config.swallow_weight : uint16_t{100}});
  }
  const std::vector<uint16_t> weights = EffectiveWeights(
      weighed, {service.config.min_up, service.config.panic_threshold, service.config.fail_open});
  for (size_t i = 0; i < weights.size(); ++i) service.backends[i].effective_weight = weights[i];
}

void ServiceManager::StartRamp(const Service& service, Backend& backend) const {
  if (service.config.slow_start.count() != 0) backend.ramp_since = now_;
}

std::vector<HealthTarget> ServiceManager::HealthTargets() const {
  std::vector<HealthTarget> targets;
  for (const auto& [target, health] : health_) targets.push_back(target);
  return targets;
}

void ServiceManager::OnHealthEvents(std::span<const HealthEvent> events) {
  bool changed = false;
  for (const HealthEvent& event : events) {
    const auto health = health_.find(event.target);
    if (health == health_.end()) continue;  // no longer ours: the event was under way
    // Unknown counts as up, so only the way to down and back changes a table.
    const bool was_down = health->second.state == HealthState::kDown;
    changed |= was_down != (event.state == HealthState::kDown);
    if (was_down && event.state != HealthState::kDown) {
      for (Service& service : services_) {
        for (Backend& backend : service.backends) {
          if (backend.target == event.target) StartRamp(service, backend);
        }
      }
    }
    health->second = {event.state, event.reason, event.time};
  }
  if (changed) Republish();
}

Result<ServiceManager::Backend*> ServiceManager::FindBackend(std::string_view service_name,
                                                             std::string_view backend_name) {
  for (Service& service : services_) {
    if (service.config.name != service_name) continue;
    for (Backend& backend : service.backends) {
      if (backend.config.name == backend_name) return &backend;
    }
    return Status(StatusCode::kNotFound,
                  "service " + service.config.name + " has no backend " +
                      std::string(backend_name) + "; it has: " +
                      Listed(service.backends, [](const Backend& b) { return b.config.name; }));
  }
  return Status(StatusCode::kNotFound,
                "no service " + std::string(service_name) + "; there are: " +
                    Listed(services_, [](const Service& s) { return s.config.name; }));
}

Status ServiceManager::Drain(std::string_view service, std::string_view backend) {
  const auto found = FindBackend(service, backend);
  if (!found.ok()) return found.status();
  (*found)->drained = true;
  Republish();
  return Status::Ok();
}

Status ServiceManager::Enable(std::string_view service, std::string_view backend) {
  const auto found = FindBackend(service, backend);
  if (!found.ok()) return found.status();
  if ((*found)->weight() == 0) {
    return Status(StatusCode::kFailedPrecondition,
                  "its weight is 0, so it would get no flows; give it a weight instead");
  }
  if ((*found)->drained) {
    const auto service_of = std::find_if(services_.begin(), services_.end(), [&](const Service& s) {
      return s.config.name == service;
    });
    StartRamp(*service_of, **found);
  }
  (*found)->drained = false;
  Republish();
  return Status::Ok();
}

Status ServiceManager::SetWeight(std::string_view service, std::string_view backend,
                                 uint16_t weight) {
  const auto found = FindBackend(service, backend);
  if (!found.ok()) return found.status();
  (*found)->weight_by_command = weight;
  Republish();
  return Status::Ok();
}

void ServiceManager::Tick(Clock::time_point now) {
  now_ = now;
  bool changed = handshake_monitor_.Due(now) && WatchHandshakes(now);
  for (Service& service : services_) {
    for (const Backend& backend : service.backends) changed |= backend.ramp_since.has_value();
    const size_t over =
        std::erase_if(service.kept, [&](const auto& kept) { return kept.until < now; });
    service.tables_changed |= over != 0;
    changed |= over != 0;
  }
  if (changed) Republish();
  if (backend_ids_.retired() == 0) return;
  std::vector<uint64_t> sweeps;
  for (const ConnectionTable* table : connections_) sweeps.push_back(table->sweeps());
  // Neither an entry nor a kept table may name an id that is given away.
  const auto hold = std::max({connection_config_.tcp_timeout, connection_config_.udp_timeout,
                              ChangeWindow(Protocol::kTcp), ChangeWindow(Protocol::kUdp)});
  backend_ids_.Collect(now, hold + 2 * kClockSlack, sweeps);
}

bool ServiceManager::WatchHandshakes(Clock::time_point now) {
  std::vector<HandshakeMonitor::Service> handshakes;
  for (const Service& service : services_) {
    auto& backends = handshakes.emplace_back();
    for (const Backend& backend : service.backends) {
      backends.push_back({backend.id, counters_.Handshakes(backend.id)});
    }
  }
  return handshake_monitor_.Update(handshakes, now) &&
         std::ranges::any_of(services_, [](const Service& service) {
           return service.config.swallow_weight != 100;
         });
}

std::vector<ServiceInfo> ServiceManager::Services() const {
  std::vector<ServiceInfo> infos;
  for (const Service& service : services_) {
    ServiceInfo info;
    info.name = service.config.name;
    info.id = service.id;
    info.vips = service.config.vips;
    info.protocol = service.config.protocol;
    info.ports = service.config.ports;
    info.forward = service.config.forward;
    info.affinity = service.config.affinity;
    info.table_digest = service.current.maglev->digest();
    info.table_size = service.current.maglev->size();
    info.kept_tables = static_cast<unsigned>(service.kept.size());
    info.backends = static_cast<unsigned>(service.backends.size());
    for (const Backend& backend : service.backends) info.backends_up += !IsDown(backend);
    info.totals = counters_.Service(service.id);
    infos.push_back(std::move(info));
  }
  return infos;
}

std::vector<BackendInfo> ServiceManager::Backends() const {
  std::vector<BackendInfo> infos;
  for (const Service& service : services_) {
    const MaglevTable& maglev = *table()->Service(service.id).maglev;
    for (const Backend& backend : service.backends) {
      BackendInfo info;
      info.service = service.config.name;
      info.protocol = service.config.protocol;
      info.name = backend.config.name;
      info.address = backend.config.address;
      info.id = backend.id;
      info.since = backend.since;
      if (backend.target) {
        const Health& health = health_.at(*backend.target);
        info.health = health.state == HealthState::kUp     ? BackendHealth::kUp
                      : health.state == HealthState::kDown ? BackendHealth::kDown
                                                           : BackendHealth::kUnknown;
        info.reason = health.reason;
        info.since = health.since;
      }
      info.drained = backend.drained;
      info.weight = backend.config.weight;
      info.weight_by_command = backend.weight_by_command;
      info.effective_weight = backend.effective_weight;
      info.share = maglev.ShareOf(info.address);
      info.totals = counters_.Backend(backend.id);
      info.handshakes = counters_.Handshakes(backend.id);
      info.swallows = handshake_monitor_.Swallows(backend.id);
      infos.push_back(std::move(info));
    }
  }
  return infos;
}

std::map<IpPrefix, bool> ServiceManager::VipHealth() const {
  std::map<IpPrefix, bool> health;
  for (const Service& service : services_) {
    if (!service.config.announce) continue;
    const bool serves = std::ranges::any_of(service.backends, [&](const Backend& backend) {
      return backend.effective_weight != 0 && (IsUp(backend) || service.config.fail_open);
    });
    for (const IpPrefix& vip : service.config.vips) health[vip] |= serves;
  }
  return health;
}

std::vector<IpPrefix> ServiceManager::Vips() const {
  return table() == nullptr ? std::vector<IpPrefix>() : table()->vips.vips();
}

std::optional<std::pair<std::string, std::string>> ServiceManager::NameOf(BackendId id) const {
  if (id.value() >= names_.size() || names_[id.value()].first == kNobody) return std::nullopt;
  const auto [s, b] = names_[id.value()];
  return std::pair(services_[s].config.name, services_[s].backends[b].config.name);
}

}  // namespace flyover::lb
