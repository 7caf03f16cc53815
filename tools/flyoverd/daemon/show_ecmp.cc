#include "tools/flyoverd/daemon/show_ecmp.h"

#include <algorithm>
#include <cmath>

#include "tools/flyoverd/daemon/router_names.h"

namespace flyover {
namespace {

EcmpGroupResult ToResult(const router::EcmpView& view, const std::vector<std::string>& ports) {
  EcmpGroupResult result;
  result.group = view.group.value();
  result.routes = view.routes;
  result.packets = view.packets;
  result.changed_moved = view.last_change.moved;
  result.changed_least = view.last_change.least;
  result.changed_of = view.last_change.moved == 0 ? 0 : view.last_change.buckets;
  double weights = 0;
  for (const router::EcmpMemberView& member : view.members) {
    result.buckets += member.buckets;
    if (member.buckets != 0) weights += member.nexthop.weight;
  }
  for (const router::EcmpMemberView& member : view.members) {
    const router::NexthopView& hop = member.nexthop;
    EcmpMemberResult out;
    if (hop.gateway) out.gateway = hop.gateway->ToString();
    out.port = PortName(ports, hop.port);
    out.weight = hop.weight;
    out.state = hop.port_up ? StateName(hop.state) : "port_down";
    out.buckets = member.buckets;
    if (member.buckets != 0) {
      out.share_percent = 100.0 * member.buckets / result.buckets;
      out.wanted_percent = 100.0 * hop.weight / weights;
      const double error = std::abs(out.share_percent / out.wanted_percent - 1) * 100;
      result.worst_error_percent = std::max(result.worst_error_percent, error);
    }
    result.members.push_back(std::move(out));
  }
  return result;
}

}  // namespace

EcmpResult ShowEcmp(const router::Rib& rib, const std::vector<std::string>& ports, size_t limit) {
  EcmpResult result;
  rib.ForEachEcmp(
      [&](const router::EcmpView& view) { result.groups.push_back(ToResult(view, ports)); });
  result.total = result.groups.size();
  std::ranges::sort(result.groups, [](const auto& a, const auto& b) {
    return a.routes != b.routes ? a.routes > b.routes : a.group < b.group;
  });
  if (limit != 0 && result.groups.size() > limit) result.groups.resize(limit);
  return result;
}

}  // namespace flyover
