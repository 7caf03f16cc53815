#include "tools/flyoverd/daemon/show_plan.h"

namespace flyover {
namespace {

std::string Word(lb::PlannedChange change) {
  switch (change) {
    case lb::PlannedChange::kAdded:
      return "added";
    case lb::PlannedChange::kRemoved:
      return "removed";
    case lb::PlannedChange::kKept:
      break;
  }
  return "kept";
}

PlanServiceResult ShowService(const lb::ServicePlan& plan) {
  PlanServiceResult service;
  service.name = plan.name;
  service.change = Word(plan.change);
  service.slots = plan.slots;
  service.slots_moved = plan.moved;
  service.slots_least = plan.least;
  service.moved_percent = plan.slots == 0 ? 0 : 100.0 * plan.moved / plan.slots;
  service.flows = plan.flows;
  service.flows_broken = plan.flows_broken;
  service.broken_percent = 100 * plan.share_broken;
  for (const lb::BackendPlan& b : plan.backends) {
    service.backends.push_back({b.name, b.address.ToString(), Word(b.change), 100 * b.share_before,
                                100 * b.share_after, b.slots_lost, b.slots_gained, b.flows});
  }
  return service;
}

std::vector<std::string> Texts(const std::vector<IpPrefix>& vips) {
  std::vector<std::string> texts;
  texts.reserve(vips.size());
  for (const IpPrefix& vip : vips) texts.push_back(vip.ToHostOrPrefix());
  return texts;
}

}  // namespace

PlanResult ShowPlan(const lb::ChangePlan& plan, std::optional<HundredthsOfPercent> limit) {
  PlanResult result;
  for (const lb::ServicePlan& service : plan.services) {
    if (service.ChangesNothing()) {
      ++result.services_unchanged;
    } else {
      result.services.push_back(ShowService(service));
    }
  }
  for (const lb::EndpointPlan& e : plan.endpoints) {
    result.endpoints.push_back({e.vip.ToHostOrPrefix(),
                                e.protocol == lb::Protocol::kTcp ? "tcp" : "udp",
                                e.ports.ToString(), e.before, e.after, 100 * e.share_broken});
  }
  result.vips_added = Texts(plan.vips_added);
  result.vips_removed = Texts(plan.vips_removed);
  result.vips_announced = Texts(plan.vips_announced);
  result.vips_withdrawn = Texts(plan.vips_withdrawn);
  const HundredthsOfPercent moved = plan.MostMoved();
  result.max_moved_percent = moved / 100.0;
  result.limited = limit.has_value();
  result.limit_percent = limit.value_or(0) / 100.0;
  result.within = !limit || moved <= *limit;
  return result;
}

}  // namespace flyover
