#include "tools/flyoverd/daemon/daemon.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

#include "common/dpdk/eal.h"
#include "common/log/log.h"
#include "common/namespace/namespace.h"
#include "common/pci/pci_device.h"

namespace flyover {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kReclaimPeriod{10};
constexpr milliseconds kMetricsPeriod{1000};
constexpr milliseconds kLogPeriod{5000};
// SIGTERM to exit is promised within a second; what still moves after this is dropped and counted.
constexpr unsigned kDrainLimitMs = 300;
// Beside the packet buffers: rings, device queues, DPDK's own.
constexpr uint32_t kFixedMemoryMib = 96;
constexpr uint32_t kBytesPerMbuf = RTE_MBUF_DEFAULT_BUF_SIZE + sizeof(rte_mbuf) + 128;

HugepageUse ToUse(HugepagePolicy policy) {
  switch (policy) {
    case HugepagePolicy::kOff:
      return HugepageUse::kOff;
    case HugepagePolicy::kRequired:
      return HugepageUse::kRequired;
    case HugepagePolicy::kAuto:
      break;
  }
  return HugepageUse::kAuto;
}

// Boxes in a row must not all choose alike, so without a seed the machine's name decides.
uint64_t EcmpSeed(const Document& document) {
  if (document.router.ecmp.seed) return *document.router.ecmp.seed;
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return std::hash<std::string>()(host.data() + document.dataplane.name);
}

}  // namespace

Daemon::Daemon(Document document, std::string text, std::string file)
    : document_(std::move(document)),
      text_(std::move(text)),
      file_(std::move(file)),
      loaded_at_(std::chrono::system_clock::now()),
      started_at_(std::chrono::steady_clock::now()) {}

Daemon::~Daemon() = default;

std::vector<std::string> Daemon::PortNames() const {
  std::vector<std::string> names;
  for (const PortConfig& port : document_.ports) names.push_back(port.name);
  return names;
}

RouterNames Daemon::Names() const {
  RouterNames names{PortNames(), document_.router.VrfNames(), {}};
  for (const PortConfig& port : document_.ports) names.vrf_of_port.push_back(port.vrf);
  return names;
}

std::optional<StartError> Daemon::Start() {
  const DataplaneConfig& config = document_.dataplane;
  auto runtime_dir = RuntimeDir::Open(config.runtime_dir, config.name);
  if (!runtime_dir.ok()) {
    return StartError{config.mark, "dataplane.name", runtime_dir.status().message()};
  }
  runtime_dir_.emplace(std::move(*runtime_dir));
  journal_.emplace(runtime_dir_->path() + "/journal.jsonl");
  // Threads started from here on leave these to the event loop.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  if (auto error = StartDataplane()) return error;
  kernel_ = std::make_unique<KernelSide>(loop_, *dataplane_, [this] {
    if (balancer_ != nullptr) balancer_->PlaceVips(kernel_->sync().addresses());
  });
  if (auto error = kernel_->Start(document_, runtime_dir_->HolderSocket(), lcore_cpus_))
    return error;
  balancer_ = std::make_unique<BalancerSide>(loop_, *dataplane_);
  if (auto error = balancer_->Start(document_, kernel_->sync().addresses())) return error;
  if (Status status = dataplane_->Launch(); !status.ok()) {
    return StartError{config.mark, "ports", status.message()};
  }
  kernel_->Launched();
  if (auto error = StartServing()) return error;
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  Log(LogArea::kDaemon, LogLevel::kInfo, "data plane '{}' forwards on {} lcore(s), {} port(s)",
      config.name, dataplane_->lcore_count(), document_.ports.size());
  return std::nullopt;
}

std::optional<StartError> Daemon::StartDataplane() {
  const DataplaneConfig& config = document_.dataplane;
  auto cpus = PlanLcores(config.lcore_cpus, config.lcore_count, AllowedCpus());
  if (!cpus.ok())
    return StartError{config.lcores_mark, "dataplane.lcores", cpus.status().message()};
  lcore_cpus_ = *cpus;
  EalOptions eal;
  eal.file_prefix = config.name;
  eal.lcore_cpus = lcore_cpus_;
  eal.hugepages = ToUse(config.hugepages);
  eal.memory_mib =
      kFixedMemoryMib + static_cast<uint32_t>(uint64_t{config.mbufs} * kBytesPerMbuf >> 20);
  for (const PortConfig& port : document_.ports) {
    for (const std::string& device : DevicesOf(port)) {
      if (!IsPciDevice(device)) continue;
      // EAL would only say that it found no device, or take one from under the kernel.
      const Status free = PciIsFree("/sys", DeviceNameOf(device));
      if (!free.ok()) {
        return StartError{port.mark, "ports." + port.name + (port.bond ? ".bond" : ".device"),
                          free.message()};
      }
      eal.pci_devices.push_back(device);
    }
  }
  auto report = StartEal(eal);
  if (!report.ok()) {
    return StartError{config.mark, "dataplane.memory", report.status().message()};
  }
  if (!report->warning.empty()) {
    Log(LogArea::kDaemon, LogLevel::kWarn, "running without hugepages, slower: {}",
        report->warning);
  }
  DataplaneOptions options;
  options.lcore_count = static_cast<unsigned>(lcore_cpus_.size());
  options.mbufs = config.mbufs;
  options.burst = config.burst;
  options.adaptive_idle = config.idle == IdlePolicy::kAdaptive;
  options.punt_rate = document_.punt.rate;
  options.flow_seed = document_.lb.seed;
  options.vrfs = document_.router.Capacities();
  options.ecmp_seed = EcmpSeed(document_);
  options.ecmp_symmetric = document_.router.ecmp.symmetric;
  options.ecmp_flow_label = document_.router.ecmp.ipv6_flow_label;
  options.ecmp_ports = document_.router.ecmp.ports;
  options.icmp_errors = document_.router.icmp_errors;
  options.connections = document_.lb.connections.capacity;
  auto dataplane = Dataplane::Create(options);
  if (!dataplane.ok()) {
    return StartError{config.mark, "dataplane.memory", dataplane.status().message()};
  }
  dataplane_ = std::move(*dataplane);
  for (size_t p = 0; p < document_.ports.size(); ++p) {
    const PortConfig& port = document_.ports[p];
    if (port.vlan || port.tunnel) continue;
    PortOptions port_options;
    port_options.device = port.device;
    if (port.bond) {
      port_options.device = "net_bonding_" + port.name;
      port_options.bond = {port.bond->mode == BondMode::k8023ad, port.bond->members};
    }
    port_options.mtu = port.mtu;
    port_options.mac = port.mac;
    port_options.promiscuous = port.promiscuous;
    port_options.offloads = port.offloads;
    for (const PortConfig& other : document_.ports) {
      if (other.vlan && other.vlan->port == port.name) port_options.vlans.push_back(other.vlan->id);
    }
    if (Status status =
            dataplane_->AddPort(PortIndex(static_cast<uint8_t>(p)), port_options, port.queues);
        !status.ok()) {
      return StartError{port.mark, "ports." + port.name + (port.bond ? ".bond" : ".device"),
                        "'" + port_options.device + "': " + status.message()};
    }
  }
  for (size_t p = 0; p < document_.ports.size(); ++p) {
    const auto& vlan = document_.ports[p].vlan;
    if (!vlan) continue;
    dataplane_->AddVlan(PortIndex(static_cast<uint8_t>(p)), PortNamed(document_.ports, vlan->port),
                        vlan->id, vlan->inner);
  }
  return std::nullopt;
}

std::optional<StartError> Daemon::StartServing() {
  std::vector<LedgerSnapshot*> threads;
  for (unsigned l = 0; l < dataplane_->lcore_count(); ++l) {
    threads.push_back(&dataplane_->lcore(l).snapshot());
  }
  threads.push_back(&kernel_->exception().snapshot());
  ledger_ = std::make_unique<LedgerCollector>(loop_, threads, dataplane_->control_ledger());

  ControlServerOptions options;
  options.path = document_.ControlSocket();
  options.group = document_.control.group;
  auto control = ControlServer::Create(loop_, options);
  if (!control.ok()) {
    return StartError{document_.control.mark, "control.socket", control.status().message()};
  }
  control_ = std::move(*control);
  RegisterCommands();

  metrics_ = std::make_unique<MetricsSource>(MetricsInputs{
      *dataplane_, *kernel_, *balancer_, document_, lcore_cpus_, reloads_, generation_});
  if (document_.metrics.enabled) {
    MetricsExporterOptions exporter;
    exporter.listen = document_.metrics.listen;
    auto started = MetricsExporter::Start(
        exporter, [this] { return metrics_->Current(); },
        [this](const std::function<Status()>& work) {
          return InNamespace(document_.metrics.network_namespace, work);
        });
    if (!started.ok()) {
      return StartError{document_.metrics.mark, "metrics.listen", started.status().message()};
    }
    exporter_ = std::move(*started);
  }
  const auto every = [&](milliseconds period, std::function<void()> work) {
    handles_.push_back(loop_.RunEvery(period, std::move(work)));
  };
  every(kReclaimPeriod, [this] { dataplane_->qsbr().Reclaim(); });
  every(kMetricsPeriod, [this] { RefreshMetrics(); });
  every(kLogPeriod, [] { ReportSuppressedLogs(); });
  for (const int signal : {SIGTERM, SIGINT}) {
    handles_.push_back(loop_.OnSignal(signal, [this] { loop_.Stop(); }));
  }
  RefreshMetrics();
  JournalEntryResult entry = EntryByDaemon("start");
  entry.file = file_;
  entry.generation = generation_;
  journal_->Add(std::move(entry));
  return std::nullopt;
}

void Daemon::RefreshMetrics() {
  ledger_->Collect([this](const LedgerTotals* totals) {
    if (totals != nullptr) {
      metrics_->Refresh(*totals);
    } else {
      LogLimited(LogArea::kDaemon, LogLevel::kError, "ledger",
                 "a forwarding thread did not answer within a second");
    }
  });
}

int Daemon::Run() {
  loop_.Run();
  Shutdown();
  return 0;
}

void Daemon::Shutdown() {
  Log(LogArea::kDaemon, LogLevel::kInfo, "stopping");
  control_.reset();
  waiting_.reset();
  handles_.clear();
  balancer_->Stop();
  dataplane_->Shutdown(kDrainLimitMs);
  kernel_->Stop();
  // The threads have ended, so their books can be read in place.
  const auto totals = std::make_unique<LedgerTotals>();
  for (unsigned l = 0; l < dataplane_->lcore_count(); ++l) {
    AddThread(dataplane_->lcore(l).context().ledger(), HeldCounts{}, *totals);
  }
  AddThread(kernel_->exception().ledger(), HeldCounts{}, *totals);
  AddThread(dataplane_->control_ledger(), HeldCounts{}, *totals);
  const CountersResult counters = ShowCounters(*totals, document_);
  Log(LogArea::kDaemon, LogLevel::kInfo, "ledger at the end: {} ({} in, {} out, {} dropped)",
      counters.total.balanced && counters.total.buffered == 0 ? "balanced" : "OFF",
      counters.total.rx + counters.total.from_kernel + counters.total.generated,
      counters.total.tx + counters.total.punted, counters.total.dropped);
  ReportSuppressedLogs(true);
}

}  // namespace flyover
