#include "lb/control/change_plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "lb/control/connection_view.h"
#include "lb/control/service_state.h"

namespace flyover::lb {
namespace {

HundredthsOfPercent RoundedUp(double share) {
  // Less than one slot of the largest table is rounding, not movement.
  constexpr double kNoise = 1e-9;
  return static_cast<HundredthsOfPercent>(std::ceil(std::max(0.0, share - kNoise) * 10'000));
}

double ShareOf(uint32_t slots, uint32_t all) {
  return all == 0 ? 0 : slots / static_cast<double>(all);
}

// Where the affinity changes too, a slot says nothing of what was in it: all of them count as
// moved.
TableMoves Compare(const PoolTable& before, const PoolTable& after) {
  if (before.maglev == after.maglev && before.rule == after.rule) {
    TableMoves nothing;
    nothing.slots = after.maglev->size();
    return nothing;
  }
  TableMoves moves = CompareTables(*before.maglev, *after.maglev);
  if (before.rule != after.rule && !before.maglev->empty()) moves.moved = moves.slots;
  return moves;
}

using Endpoint = std::tuple<IpPrefix, uint8_t, PortRange>;

template <typename Config>
void AddEndpoints(const Config& service, size_t index, std::map<Endpoint, size_t>& to) {
  for (const IpPrefix& vip : service.vips) {
    to.emplace(Endpoint(vip, static_cast<uint8_t>(service.protocol), service.ports), index);
  }
}

std::vector<IpPrefix> InFirstOnly(const std::set<IpPrefix>& first,
                                  const std::set<IpPrefix>& second) {
  std::vector<IpPrefix> only;
  std::set_difference(first.begin(), first.end(), second.begin(), second.end(),
                      std::back_inserter(only));
  return only;
}

}  // namespace

bool ServicePlan::ChangesNothing() const {
  return change == PlannedChange::kKept && moved == 0 && flows_broken == 0 &&
         std::all_of(backends.begin(), backends.end(), [](const BackendPlan& backend) {
           return backend.change == PlannedChange::kKept;
         });
}

HundredthsOfPercent ChangePlan::MostMoved() const {
  HundredthsOfPercent most = 0;
  for (const ServicePlan& service : services) {
    if (service.change != PlannedChange::kKept) continue;  // its endpoints tell
    most = std::max(most, RoundedUp(ShareOf(service.moved, service.slots)));
  }
  for (const EndpointPlan& endpoint : endpoints) {
    most = std::max(most, RoundedUp(endpoint.share_broken));
  }
  return most;
}

// The services of `config` as they would be at the end of what the change begins: new backends have
// all of their weight, ramps that run already stay where they are.
std::vector<ServiceManager::Service> ServiceManager::Foresee(const LbConfig& config,
                                                             const ServicesByName& running) {
  std::vector<Service> next;
  for (const ServiceConfig& service_config : config.services) {
    Service service = Successor(service_config, Find(running, service_config.name), {});
    for (Backend& backend : service.backends) {
      if (backend.fresh) backend.ramp_since.reset();
    }
    Weigh(service);
    std::vector<MaglevMember> members;
    for (const Backend& backend : service.backends) {
      members.push_back({backend.config.address, backend.effective_weight});
    }
    // Cannot fail: Check has seen that addresses differ and how many there are.
    service.current.maglev =
        tables_.Get(std::move(members), config.seed, service.config.table_size).value();
    service.current.rule = RuleOf(service_config);
    next.push_back(std::move(service));
  }
  return next;
}

std::set<IpPrefix> ServiceManager::Announceable(const std::vector<Service>& services) {
  std::set<IpPrefix> vips;
  for (const Service& service : services) {
    const bool serves = std::ranges::any_of(
        service.backends, [](const Backend& backend) { return backend.effective_weight != 0; });
    if (service.config.announce && serves) {
      vips.insert(service.config.vips.begin(), service.config.vips.end());
    }
  }
  return vips;
}

Result<ChangePlan> ServiceManager::Plan(const LbConfig& config) {
  if (Status status = Check(config); !status.ok()) return status;
  const ServicesByName running = ByName();
  const std::vector<Service> next = Foresee(config, running);
  const std::vector<uint64_t> entries = CountByBackend(connections_);
  const auto entries_of = [&](const Backend& backend) {
    return backend.id.value() < entries.size() ? entries[backend.id.value()] : 0;
  };
  ChangePlan plan;
  std::set<std::string> names;
  for (const Service& service : next) {
    names.insert(service.config.name);
    const Service* const old = Find(running, service.config.name);
    ServicePlan& of = plan.services.emplace_back();
    of.name = service.config.name;
    of.slots = service.current.maglev->size();
    if (old == nullptr) of.change = PlannedChange::kAdded;
    TableMoves moves;
    if (old != nullptr) {
      moves = Compare(old->current, service.current);
      of.moved = moves.moved;
      of.least = moves.least;
    }
    const auto add = [&](const Backend& backend, PlannedChange change) {
      const IpAddress& address = backend.config.address;
      BackendPlan& b = of.backends.emplace_back();
      b.name = backend.config.name;
      b.address = address;
      b.change = change;
      if (old != nullptr) b.share_before = old->current.maglev->ShareOf(address);
      if (change != PlannedChange::kRemoved) {
        b.share_after = service.current.maglev->ShareOf(address);
      }
      const auto member = std::find_if(moves.members.begin(), moves.members.end(),
                                       [&](const MemberMoves& m) { return m.address == address; });
      if (member != moves.members.end()) {
        b.slots_lost = member->lost;
        b.slots_gained = member->gained;
      }
      if (change == PlannedChange::kAdded) return;
      b.flows = entries_of(*old->Find(address));
      of.flows += b.flows;
      if (change == PlannedChange::kRemoved) {
        of.flows_broken += b.flows;
        of.share_broken += b.share_before;
      }
    };
    for (const Backend& backend : service.backends) {
      add(backend, backend.fresh || old == nullptr ? PlannedChange::kAdded : PlannedChange::kKept);
    }
    if (old == nullptr) continue;
    for (const Backend& backend : old->backends) {
      if (service.Find(backend.config.address) == nullptr) add(backend, PlannedChange::kRemoved);
    }
  }
  for (const Service& old : services_) {
    if (names.contains(old.config.name)) continue;
    ServicePlan& of = plan.services.emplace_back();
    of.name = old.config.name;
    of.change = PlannedChange::kRemoved;
    of.slots = old.current.maglev->size();
    of.share_broken = 1;
    for (const Backend& backend : old.backends) {
      const uint64_t flows = entries_of(backend);
      of.flows += flows;
      of.flows_broken += flows;
      of.backends.push_back({backend.config.name, backend.config.address, PlannedChange::kRemoved,
                             old.current.maglev->ShareOf(backend.config.address), 0, 0, 0, flows});
    }
  }
  PlanEndpoints(next, plan);
  const std::set<IpPrefix> told = announces_ ? Announceable(services_) : std::set<IpPrefix>();
  const std::set<IpPrefix> tells = config.announce ? Announceable(next) : std::set<IpPrefix>();
  plan.vips_announced = InFirstOnly(tells, told);
  plan.vips_withdrawn = InFirstOnly(told, tells);
  tables_.Trim();
  return plan;
}

void ServiceManager::PlanEndpoints(const std::vector<Service>& next, ChangePlan& plan) const {
  std::map<Endpoint, size_t> before;
  std::map<Endpoint, size_t> after;
  std::set<IpPrefix> old_vips;
  std::set<IpPrefix> new_vips;
  for (size_t i = 0; i < services_.size(); ++i) {
    AddEndpoints(services_[i].config, i, before);
    old_vips.insert(services_[i].config.vips.begin(), services_[i].config.vips.end());
  }
  for (size_t i = 0; i < next.size(); ++i) {
    AddEndpoints(next[i].config, i, after);
    new_vips.insert(next[i].config.vips.begin(), next[i].config.vips.end());
  }
  plan.vips_added = InFirstOnly(new_vips, old_vips);
  plan.vips_removed = InFirstOnly(old_vips, new_vips);
  const auto add = [&](const Endpoint& endpoint, const Service* from, const Service* to) {
    EndpointPlan& of = plan.endpoints.emplace_back();
    of.vip = std::get<0>(endpoint);
    of.protocol = static_cast<Protocol>(std::get<1>(endpoint));
    of.ports = std::get<2>(endpoint);
    if (from != nullptr) of.before = from->config.name;
    if (to != nullptr) of.after = to->config.name;
    if (from == nullptr) return;
    of.share_broken = 1;
    if (to == nullptr) return;
    const TableMoves moves = Compare(from->current, to->current);
    of.share_broken = ShareOf(moves.moved, moves.slots);
  };
  for (const auto& [endpoint, index] : before) {
    const auto found = after.find(endpoint);
    const Service* const to = found == after.end() ? nullptr : &next[found->second];
    const Service& from = services_[index];
    if (to == nullptr || to->config.name != from.config.name) add(endpoint, &from, to);
  }
  for (const auto& [endpoint, index] : after) {
    if (!before.contains(endpoint)) add(endpoint, nullptr, &next[index]);
  }
}

TableSnapshot ServiceManager::Tables() const {
  TableSnapshot tables;
  for (const Service& service : services_) {
    tables.emplace(service.config.name, service.current);
  }
  return tables;
}

std::vector<ServiceMoves> ServiceManager::MovesSince(const TableSnapshot& before) const {
  std::vector<ServiceMoves> list;
  for (const Service& service : services_) {
    const auto old = before.find(service.config.name);
    if (old == before.end()) continue;
    const TableMoves moves = Compare(old->second, service.current);
    if (moves.moved == 0) continue;
    list.push_back({service.config.name, moves.slots, moves.moved, moves.least});
  }
  return list;
}

}  // namespace flyover::lb
