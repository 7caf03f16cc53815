#include "tools/flyoverd/daemon/show_balancer.h"

#include <rte_cycles.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <string>

#include "lb/conntrack/coarse_clock.h"
#include "lb/control/connection_view.h"

namespace flyover {
namespace {

std::string HealthName(const lb::BackendInfo& backend) {
  if (backend.health == lb::BackendHealth::kDown) return "down";
  if (backend.drained || backend.weight_by_command.value_or(backend.weight) == 0) return "drained";
  switch (backend.health) {
    case lb::BackendHealth::kUp:
      return "up";
    case lb::BackendHealth::kUnknown:
      return "starting";
    case lb::BackendHealth::kUnchecked:
    case lb::BackendHealth::kDown:
      break;
  }
  return "unchecked";
}

std::string Hex(uint64_t value, int digits) {
  char text[17];
  std::snprintf(text, sizeof(text), "%0*llx", digits, static_cast<unsigned long long>(value));
  return text;
}

const char* VipStateName(lb::VipState state) {
  switch (state) {
    case lb::VipState::kAnnounced:
      return "announced";
    case lb::VipState::kWaitingUp:
      return "waiting_up";
    case lb::VipState::kWaitingDown:
      return "waiting_down";
    case lb::VipState::kDrained:
      return "drained";
    case lb::VipState::kWithdrawn:
      break;
  }
  return "withdrawn";
}

}  // namespace

VipsResult ShowVips(const lb::ServiceManager& manager, const std::vector<lb::VipInfo>& vips,
                    bool announces, bool box_drained, std::chrono::steady_clock::time_point now) {
  VipsResult result{.announces = announces, .box_drained = box_drained, .vips = {}};
  std::map<IpPrefix, std::vector<std::string>> services;
  for (const lb::ServiceInfo& info : manager.Services()) {
    for (const IpPrefix& vip : info.vips) services[vip].push_back(info.name);
  }
  for (const lb::VipInfo& info : vips) {
    result.vips.push_back(
        {.vip = info.vip.ToHostOrPrefix(),
         .services = services[info.vip],
         .state = VipStateName(info.state),
         .since_seconds = std::chrono::duration<double>(now - info.since).count()});
  }
  return result;
}

HandshakesResult ShowHandshakes(const lb::ServiceManager& manager) {
  HandshakesResult result;
  for (const lb::BackendInfo& info : manager.Backends()) {
    if (info.protocol != lb::Protocol::kTcp) continue;
    result.backends.push_back({.service = info.service,
                               .backend = info.name,
                               .answered = info.handshakes.answered(),
                               .unanswered = info.handshakes.unanswered,
                               .repeated = info.handshakes.repeated,
                               .reset = info.handshakes.reset,
                               .answer_p50_us = info.handshakes.Percentile(0.5),
                               .answer_p99_us = info.handshakes.Percentile(0.99),
                               .swallows = info.swallows});
  }
  return result;
}

ServicesResult ShowServices(const lb::ServiceManager& manager) {
  ServicesResult result;
  for (const lb::ServiceInfo& info : manager.Services()) {
    ServiceResult service;
    service.name = info.name;
    for (const IpPrefix& vip : info.vips) service.vips.push_back(vip.ToHostOrPrefix());
    service.protocol = info.protocol == lb::Protocol::kTcp ? "tcp" : "udp";
    service.ports = info.ports.ToString();
    service.forward = lb::ForwardName(info.forward);
    service.affinity = lb::AffinityName(info.affinity);
    service.backends = info.backends;
    service.backends_up = info.backends_up;
    service.table_digest = Hex(info.table_digest, 16);
    service.table_slots = info.table_size;
    service.kept_tables = info.kept_tables;
    service.packets = info.totals.packets;
    service.bytes = info.totals.bytes;
    service.connections_new = info.totals.new_connections;
    result.services.push_back(std::move(service));
  }
  return result;
}

BackendsResult ShowBackends(const lb::ServiceManager& manager) {
  BackendsResult result;
  const auto now = std::chrono::system_clock::now();
  for (const lb::BackendInfo& info : manager.Backends()) {
    BackendResult backend;
    backend.service = info.service;
    backend.name = info.name;
    backend.address = info.address.ToString();
    backend.state = HealthName(info);
    backend.reason = info.reason;
    backend.since_seconds = std::chrono::duration<double>(now - info.since).count();
    backend.weight = info.weight_by_command.value_or(info.weight);
    backend.effective_weight = info.effective_weight;
    backend.table_share_percent = 100.0 * info.share;
    backend.packets = info.totals.packets;
    backend.bytes = info.totals.bytes;
    backend.connections_new = info.totals.new_connections;
    backend.drained = info.drained;
    result.backends.push_back(std::move(backend));
  }
  return result;
}

ConnectionsResult ShowConnections(const lb::ServiceManager& manager, Dataplane& dataplane,
                                  size_t limit) {
  std::vector<const lb::ConnectionTable*> tables;
  lb::ConnectionSummary summary;
  for (unsigned l = 0; l < dataplane.lcore_count(); ++l) {
    tables.push_back(dataplane.lcore(l).lb().connections.get());
    summary += lb::Summarize(*tables.back());
  }
  ConnectionsResult result;
  result.capacity = summary.capacity;
  result.entries = summary.occupancy;
  result.created = summary.inserts;
  result.evicted = summary.evictions;
  lb::CoarseClock clock(rte_get_tsc_hz());
  for (const lb::ConnectionInfo& info :
       lb::ListConnections(tables, limit, clock.Tick(rte_rdtsc()))) {
    ConnectionResult connection;
    connection.flow = Hex(info.tag, 8);
    if (const auto name = manager.NameOf(info.backend)) {
      connection.service = name->first;
      connection.backend = name->second;
    }
    connection.idle_seconds = info.idle_seconds;
    connection.lcore = info.lcore.value();
    result.connections.push_back(std::move(connection));
  }
  return result;
}

}  // namespace flyover
