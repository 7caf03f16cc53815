#include "tools/flyoverd/daemon/show_dataplane.h"

#include <rte_cycles.h>
#include <rte_lcore.h>

#include "tools/flyoverd/dataplane/port_features.h"

namespace flyover {
namespace {

struct NamedSource {
  SourceId id;
  std::string name;
  const char* kind;
};

std::vector<NamedSource> SourcesOf(const Document& document) {
  std::vector<NamedSource> sources;
  for (size_t p = 0; p < document.ports.size(); ++p) {
    sources.push_back(
        {PortSource(PortIndex(static_cast<uint8_t>(p))), document.ports[p].name, "port"});
  }
  for (size_t p = 0; p < document.ports.size(); ++p) {
    sources.push_back(
        {TapSource(PortIndex(static_cast<uint8_t>(p))), "tap:" + document.ports[p].tap, "tap"});
  }
  sources.push_back({kGeneratedSource, "generated", "generated"});
  return sources;
}

void AddTo(SourceResult& total, const SourceResult& source) {
  total.rx += source.rx;
  total.from_kernel += source.from_kernel;
  total.generated += source.generated;
  total.copies += source.copies;
  total.tx += source.tx;
  total.punted += source.punted;
  total.dropped += source.dropped;
  total.buffered += source.buffered;
}

}  // namespace

PortsResult ShowPorts(Dataplane& dataplane, KernelSide& kernel, const Document& document) {
  PortsResult result;
  const router::PortTable& table = *dataplane.port_table().Load();
  const std::vector<std::string> vrfs = document.router.VrfNames();
  for (size_t p = 0; p < document.ports.size(); ++p) {
    const PortConfig& config = document.ports[p];
    const PortIndex index(static_cast<uint8_t>(p));
    const Port* const device = dataplane.port(index);
    const PortCounters counters =
        device == nullptr ? dataplane.StackedCounters(index) : device->counters();
    const LinkState link = kernel.DeviceLink(index);
    const TapCounters& tap = kernel.exception().counters(index);
    PortResult port;
    port.name = config.name;
    port.device = DeviceWords(config);
    port.driver = config.tunnel ? "tunnel" : config.vlan ? "vlan" : device->driver();
    port.tap = config.tap;
    port.vrf = vrfs[config.vrf.value()];
    port.mac = table[index].mac.ToString();
    port.mtu = table[index].mtu;
    port.link_up = link.up;
    port.admin_up = kernel.AdminUp(index);
    port.speed_mbps = link.speed_mbps;
    port.rx_queues = device == nullptr ? 0 : device->rx_queues();
    port.tx_queues = device == nullptr ? 0 : device->tx_queues();
    port.rx_packets = counters.rx_packets;
    port.rx_bytes = counters.rx_bytes;
    port.tx_packets = counters.tx_packets;
    port.tx_bytes = counters.tx_bytes;
    port.rx_missed = counters.rx_missed;
    port.rx_errors = counters.rx_errors;
    port.rx_no_mbuf = counters.rx_no_mbuf;
    port.tap_in_packets = tap.to_kernel_packets.load(std::memory_order_relaxed);
    port.tap_in_writes = tap.to_kernel_writes.load(std::memory_order_relaxed);
    port.tap_out_packets = tap.from_kernel_packets.load(std::memory_order_relaxed);
    for (const router::OwnAddress& own : kernel.addresses(index).own) {
      port.addresses.push_back(own.address.ToString());
    }
    if (device != nullptr) {
      for (const BondMember& member : device->members()) {
        port.members.push_back({member.device, member.link_up, member.active});
      }
      port.offloads = device->offloads().Names();
    }
    port.features = DescribeFeatures(config.features);
    result.ports.push_back(std::move(port));
  }
  return result;
}

LcoresResult ShowLcores(Dataplane& dataplane, const std::vector<unsigned>& cpus,
                        const std::vector<std::string>& ports, std::vector<LcoreCycles>& before) {
  LcoresResult result;
  before.resize(dataplane.lcore_count());
  for (unsigned l = 0; l < dataplane.lcore_count(); ++l) {
    const Lcore& lcore = dataplane.lcore(l);
    const LcoreStats& stats = lcore.stats();
    LcoreResult r;
    r.index = l;
    r.cpu = cpus[l];
    r.numa = rte_lcore_to_socket_id(l + 1);
    r.busy_cycles = stats.busy_cycles.Get();
    r.idle_cycles = stats.idle_cycles.Get();
    const auto busy = static_cast<double>(r.busy_cycles - before[l].busy);
    const auto all = busy + static_cast<double>(r.idle_cycles - before[l].idle);
    r.busy_percent = all > 0 ? 100.0 * busy / all : 0;
    before[l] = {r.busy_cycles, r.idle_cycles};
    r.packets = stats.packets.Get();
    r.bursts = stats.bursts.Get();
    r.loop_max_us = stats.loop_max_cycles.Get() * 1'000'000 / rte_get_tsc_hz();
    const auto residence = [&](double share) {
      return static_cast<double>(stats.residence.Quantile(share)) * 1e6 /
             static_cast<double>(rte_get_tsc_hz());
    };
    r.residence_p50_us = residence(0.5);
    r.residence_p99_us = residence(0.99);
    r.residence_p999_us = residence(0.999);
    r.sleeping = lcore.sleeping();
    for (const Lcore::RxQueue& queue : lcore.rx_queues()) {
      r.ports_queues.push_back(ports[queue.port.value()] + ":" + std::to_string(queue.queue));
    }
    result.lcores.push_back(std::move(r));
  }
  return result;
}

StageMeasurement::Times StageMeasurement::TimesOf(const Lcore& lcore) {
  Times times;
  for (size_t s = 0; s < kStageCount; ++s) {
    const StageClock::StageTime& time = lcore.context().stages().of(static_cast<Stage>(s));
    times[s] = {time.packets.Get(), time.cycles.Get()};
  }
  return times;
}

void StageMeasurement::Start(Dataplane& dataplane) {
  before_.clear();
  for (unsigned l = 0; l < dataplane.lcore_count(); ++l) {
    before_.push_back(TimesOf(dataplane.lcore(l)));
    dataplane.lcore(l).EnableStages(true);
  }
}

void StageMeasurement::Stop(Dataplane& dataplane, LcoresResult& result) {
  for (unsigned l = 0; l < before_.size(); ++l) {
    dataplane.lcore(l).EnableStages(false);
    const Times now = TimesOf(dataplane.lcore(l));
    const uint64_t received = now[0].first - before_[l][0].first;
    for (size_t s = 0; s < kStageCount; ++s) {
      StageResult stage;
      stage.name = kStageNames[s];
      stage.packets = now[s].first - before_[l][s].first;
      stage.cycles = now[s].second - before_[l][s].second;
      if (received > 0) {
        stage.cycles_per_packet = static_cast<double>(stage.cycles) / static_cast<double>(received);
      }
      result.lcores[l].stages.push_back(std::move(stage));
    }
  }
  before_.clear();
}

CountersResult ShowCounters(const LedgerTotals& totals, const Document& document) {
  CountersResult result;
  result.total.name = "total";
  result.total.balanced = totals.threads_balance;
  for (const NamedSource& named : SourcesOf(document)) {
    const SourceLedger& ledger = totals.ledger[named.id];
    SourceResult source;
    source.name = named.name;
    source.kind = named.kind;
    const std::string_view kind = named.kind;
    (kind == "port"  ? source.rx
     : kind == "tap" ? source.from_kernel
                     : source.generated) = ledger.entered;
    source.copies = ledger.copies;
    source.tx = ledger.tx;
    source.punted = ledger.punted;
    for (const uint64_t n : ledger.drops) source.dropped += n;
    source.buffered = totals.Buffered(named.id);
    source.balanced = LedgerDifference(source) == 0;
    AddTo(result.total, source);
    result.total.balanced = result.total.balanced && source.balanced;
    result.sources.push_back(std::move(source));
  }
  return result;
}

DropsResult ShowDrops(const LedgerTotals& totals, Dataplane& dataplane, const Document& document) {
  DropsResult result;
  const std::vector<NamedSource> sources = SourcesOf(document);
  for (size_t r = 0; r < kDropReasonCount; ++r) {
    DropResult drop;
    drop.reason = kDropReasons[r].label;
    drop.help = kDropReasons[r].help;
    for (const NamedSource& source : sources) {
      const uint64_t n = totals.ledger[source.id].drops[r];
      if (n == 0) continue;
      drop.packets += n;
      drop.per_source[source.name] = n;
    }
    result.drops.push_back(std::move(drop));
  }
  for (size_t r = 0; r < kPuntReasonCount; ++r) {
    PuntResult punt;
    punt.reason = kPuntReasons[r].label;
    punt.punt_class = Info(kPuntReasons[r].punt_class).label;
    punt.help = kPuntReasons[r].help;
    for (unsigned l = 0; l < dataplane.lcore_count(); ++l) {
      punt.packets += dataplane.lcore(l).context().punts()[r];
    }
    result.punts.push_back(std::move(punt));
  }
  for (size_t c = 0; c < kPuntClassCount; ++c) {
    PuntClassResult punt_class;
    punt_class.name = kPuntClasses[c].label;
    punt_class.help = kPuntClasses[c].help;
    punt_class.rate_pps = document.punt.rate[c];
    for (unsigned l = 0; l < dataplane.lcore_count(); ++l) {
      punt_class.policed += dataplane.lcore(l).context().policed()[c];
    }
    result.punt_classes.push_back(std::move(punt_class));
  }
  for (size_t t = 0; t < router::kIcmpErrorTypes; ++t) {
    IcmpErrorResult error{.type = std::string(router::kIcmpErrorTypeNames[t])};
    for (unsigned l = 0; l < dataplane.lcore_count(); ++l) {
      const router::IcmpLimiter& limiter = dataplane.lcore(l).router().icmp_errors;
      error.sent += limiter.sent()[t];
      error.limited += limiter.limited()[t];
    }
    result.icmp_errors.push_back(std::move(error));
  }
  for (unsigned l = 0; l < dataplane.lcore_count(); ++l) {
    result.fragmented += dataplane.lcore(l).router().fragmented;
    result.fragments += dataplane.lcore(l).router().fragments;
  }
  return result;
}

}  // namespace flyover
