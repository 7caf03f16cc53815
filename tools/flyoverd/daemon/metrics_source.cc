#include "tools/flyoverd/daemon/metrics_source.h"

#include <rte_cycles.h>
#include <rte_version.h>

#include <string>

#include "common/log/log.h"
#include "tools/flyoverd/daemon/show_balancer.h"
#include "tools/flyoverd/daemon/show_dataplane.h"
#include "tools/version/version.h"

namespace flyover {

void MetricsSource::Refresh(const LedgerTotals& totals) {
  MetricsBuilder metrics;
  metrics.Add(MetricId::kBuildInfo, {Version(), Commit(), rte_version()}, 1);
  metrics.Add(MetricId::kStartTime, static_cast<double>(start_time_));
  metrics.Add(MetricId::kConfigGeneration, static_cast<double>(inputs_.generation));
  metrics.Add(MetricId::kConfigReloadSuccess, inputs_.reloads.last_ok ? 1 : 0);
  metrics.Add(MetricId::kConfigReloads, {"ok"}, static_cast<double>(inputs_.reloads.ok));
  metrics.Add(MetricId::kConfigReloads, {"refused"}, static_cast<double>(inputs_.reloads.refused));
  metrics.Add(MetricId::kQsbrBacklog, static_cast<double>(inputs_.dataplane.qsbr().pending()));
  metrics.Add(MetricId::kMbufsFree, {"0"}, rte_mempool_avail_count(inputs_.dataplane.pool()));
  metrics.Add(MetricId::kLogLost, static_cast<double>(LostLogLines()));
  AddPorts(metrics);
  AddLcores(metrics);
  AddLedger(metrics, totals);
  AddRouter(metrics);
  AddBalancer(metrics);
  auto snapshot = std::make_shared<const MetricsSnapshot>(std::move(metrics).Build());
  const std::lock_guard lock(mutex_);
  current_ = std::move(snapshot);
}

std::shared_ptr<const MetricsSnapshot> MetricsSource::Current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void MetricsSource::AddPorts(MetricsBuilder& metrics) const {
  for (const PortResult& port :
       ShowPorts(inputs_.dataplane, inputs_.kernel, inputs_.document).ports) {
    const auto add = [&](MetricId id, double value) { metrics.Add(id, {port.name}, value); };
    add(MetricId::kPortUp, port.link_up && port.admin_up ? 1 : 0);
    add(MetricId::kPortSpeed, port.speed_mbps * 1e6);
    add(MetricId::kPortMtu, port.mtu);
    add(MetricId::kPortRxPackets, static_cast<double>(port.rx_packets));
    add(MetricId::kPortRxBytes, static_cast<double>(port.rx_bytes));
    add(MetricId::kPortTxPackets, static_cast<double>(port.tx_packets));
    add(MetricId::kPortTxBytes, static_cast<double>(port.tx_bytes));
    add(MetricId::kPortRxMissed, static_cast<double>(port.rx_missed));
    add(MetricId::kPortRxErrors, static_cast<double>(port.rx_errors));
    add(MetricId::kPortRxNoMbuf, static_cast<double>(port.rx_no_mbuf));
    add(MetricId::kTapIn, static_cast<double>(port.tap_in_packets));
    add(MetricId::kTapOut, static_cast<double>(port.tap_out_packets));
  }
}

void MetricsSource::AddLcores(MetricsBuilder& metrics) const {
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  for (unsigned l = 0; l < inputs_.dataplane.lcore_count(); ++l) {
    const Lcore& lcore = inputs_.dataplane.lcore(l);
    const LcoreStats& stats = lcore.stats();
    const std::string index = std::to_string(l);
    const std::string cpu = std::to_string(inputs_.cpus[l]);
    const auto add = [&](MetricId id, double value) { metrics.Add(id, {index, cpu}, value); };
    add(MetricId::kLcoreBusyCycles, static_cast<double>(stats.busy_cycles.Get()));
    add(MetricId::kLcoreIdleCycles, static_cast<double>(stats.idle_cycles.Get()));
    add(MetricId::kLcorePackets, static_cast<double>(stats.packets.Get()));
    add(MetricId::kLcoreBursts, static_cast<double>(stats.bursts.Get()));
    add(MetricId::kLcoreLoopMax, static_cast<double>(stats.loop_max_cycles.Get()) / hz);
    for (const auto& [quantile, share] :
         {std::pair("0.5", 0.5), std::pair("0.99", 0.99), std::pair("0.999", 0.999)}) {
      metrics.Add(MetricId::kLcoreResidence, {index, cpu, quantile},
                  static_cast<double>(stats.residence.Quantile(share)) / hz);
    }
    add(MetricId::kLcoreSleeping, lcore.sleeping() ? 1 : 0);
  }
}

void MetricsSource::AddLedger(MetricsBuilder& metrics, const LedgerTotals& totals) const {
  for (const SourceResult& source : ShowCounters(totals, inputs_.document).sources) {
    const auto in = [&](const char* kind, uint64_t n) {
      metrics.Add(MetricId::kLedgerIn, {source.name, kind}, static_cast<double>(n));
    };
    const auto out = [&](const char* kind, uint64_t n) {
      metrics.Add(MetricId::kLedgerOut, {source.name, kind}, static_cast<double>(n));
    };
    in("rx", source.rx);
    in("from_kernel", source.from_kernel);
    in("generated", source.generated);
    in("copies", source.copies);
    out("tx", source.tx);
    out("punted", source.punted);
    out("dropped", source.dropped);
    metrics.Add(MetricId::kLedgerBuffered, {source.name}, static_cast<double>(source.buffered));
  }
  const DropsResult drops = ShowDrops(totals, inputs_.dataplane, inputs_.document);
  for (const DropResult& drop : drops.drops) {
    metrics.Add(MetricId::kDrops, {drop.reason}, static_cast<double>(drop.packets));
  }
  for (const PuntResult& punt : drops.punts) {
    metrics.Add(MetricId::kPunts, {punt.reason, punt.punt_class},
                static_cast<double>(punt.packets));
  }
  for (const PuntClassResult& punt_class : drops.punt_classes) {
    metrics.Add(MetricId::kPuntPoliced, {punt_class.name}, static_cast<double>(punt_class.policed));
  }
  for (const IcmpErrorResult& error : drops.icmp_errors) {
    metrics.Add(MetricId::kIcmpErrors, {error.type, "sent"}, static_cast<double>(error.sent));
    metrics.Add(MetricId::kIcmpErrors, {error.type, "limited"}, static_cast<double>(error.limited));
  }
  metrics.Add(MetricId::kFragmented, static_cast<double>(drops.fragmented));
  metrics.Add(MetricId::kFragments, static_cast<double>(drops.fragments));
}

void MetricsSource::AddRouter(MetricsBuilder& metrics) const {
  const router::RouteTables& main = inputs_.dataplane.tables().main();
  metrics.Add(MetricId::kFibMemory, {"ipv4"}, static_cast<double>(main.fib4.memory_bytes()));
  metrics.Add(MetricId::kFibMemory, {"ipv6"}, static_cast<double>(main.fib6.memory_bytes()));
  for (const auto& vrf : inputs_.kernel.vrfs()) {
    const router::RouteTables& tables = inputs_.dataplane.tables().vrf(vrf->index());
    for (const IpFamily family : {IpFamily::kIpv4, IpFamily::kIpv6}) {
      const router::RouteRoom room = vrf->sync().room(family);
      const bool v4 = family == IpFamily::kIpv4;
      const auto add = [&](MetricId id, double n) {
        metrics.Add(id, {vrf->name(), v4 ? "ipv4" : "ipv6"}, n);
      };
      add(MetricId::kRoutes, static_cast<double>(v4 ? tables.fib4.size() : tables.fib6.size()));
      add(MetricId::kRouteLimit, static_cast<double>(room.fill.route_limit));
      add(MetricId::kRouteFill, room.fill.share());
      add(MetricId::kRoutesWaiting, static_cast<double>(room.refused));
    }
  }
  uint64_t resolved = 0, failed = 0;
  inputs_.kernel.rib().ForEachNeighbor([&](const router::NeighborView& neighbor) {
    ++(neighbor.state == router::AdjacencyState::kResolved ? resolved : failed);
  });
  metrics.Add(MetricId::kNeighbors, {"resolved"}, static_cast<double>(resolved));
  metrics.Add(MetricId::kNeighbors, {"failed"}, static_cast<double>(failed));
}

void MetricsSource::AddHandshakes(MetricsBuilder& metrics) const {
  for (const lb::BackendInfo& info : inputs_.balancer.manager().Backends()) {
    if (info.protocol != lb::Protocol::kTcp) continue;
    const auto add = [&](const char* result, uint64_t n) {
      metrics.Add(MetricId::kBackendHandshakes, {info.service, info.name, result},
                  static_cast<double>(n));
    };
    add("answered", info.handshakes.answered());
    add("unanswered", info.handshakes.unanswered);
    add("repeated", info.handshakes.repeated);
    add("reset", info.handshakes.reset);
    for (size_t i = 0; i < lb::kAnswerBuckets; ++i) {
      const std::string bound =
          i < lb::kAnswerBounds.size() ? std::to_string(lb::kAnswerBounds[i]) : "inf";
      metrics.Add(MetricId::kBackendAnswers, {info.service, info.name, bound},
                  static_cast<double>(info.handshakes.answers[i]));
    }
    metrics.Add(MetricId::kBackendSwallows, {info.service, info.name}, info.swallows ? 1 : 0);
  }
}

void MetricsSource::AddBalancer(MetricsBuilder& metrics) const {
  const lb::ServiceManager& manager = inputs_.balancer.manager();
  for (const ServiceResult& service : ShowServices(manager).services) {
    const auto add = [&](MetricId id, uint64_t n) {
      metrics.Add(id, {service.name}, static_cast<double>(n));
    };
    add(MetricId::kServiceUp, service.backends_up);
    add(MetricId::kServiceTable, std::stoull(service.table_digest.substr(0, 12), nullptr, 16));
    add(MetricId::kServiceTableSlots, service.table_slots);
    add(MetricId::kServiceKeptTables, service.kept_tables);
    add(MetricId::kServicePackets, service.packets);
    add(MetricId::kServiceBytes, service.bytes);
    add(MetricId::kServiceConnections, service.connections_new);
  }
  for (const BackendResult& backend : ShowBackends(manager).backends) {
    const auto add = [&](MetricId id, double value) {
      metrics.Add(id, {backend.service, backend.name}, value);
    };
    add(MetricId::kBackendUp, backend.state == "down" ? 0 : 1);
    add(MetricId::kBackendWeight, backend.effective_weight);
    add(MetricId::kBackendShare, backend.table_share_percent / 100);
    add(MetricId::kBackendPackets, static_cast<double>(backend.packets));
    add(MetricId::kBackendBytes, static_cast<double>(backend.bytes));
    add(MetricId::kBackendConnections, static_cast<double>(backend.connections_new));
  }
  AddHandshakes(metrics);
  const ConnectionsResult connections = ShowConnections(manager, inputs_.dataplane, 0);
  metrics.Add(MetricId::kTableMemory, static_cast<double>(manager.table_memory_bytes()));
  metrics.Add(MetricId::kConnections, static_cast<double>(connections.entries));
  metrics.Add(MetricId::kConnectionInserts, static_cast<double>(connections.created));
  metrics.Add(MetricId::kConnectionEvictions, static_cast<double>(connections.evicted));
  metrics.Add(MetricId::kConnectionCapacity, static_cast<double>(connections.capacity));
}

}  // namespace flyover
