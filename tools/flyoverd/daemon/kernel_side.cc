#include "tools/flyoverd/daemon/kernel_side.h"

#include <linux/rtnetlink.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <chrono>

#include "common/log/log.h"
#include "common/tap/tap_holder_client.h"
#include "tools/flyoverd/dataplane/port_features.h"

namespace flyover {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kResolvePeriod{2};
constexpr milliseconds kDevicePeriod{100};
constexpr milliseconds kSyncPeriod{100};
constexpr milliseconds kSysctlPeriod{1000};
constexpr milliseconds kUsePeriod{1000};

// Ethernet is inside of VXLAN only.
bool IsPointToPoint(const std::optional<TunnelConfig>& tunnel) {
  return tunnel && tunnel->kind != TunnelKind::kVxlan;
}

// The other end may have a port of the same name; it has not the same address.
MacAddress TunnelMac(const PortConfig& config) {
  return LocalMacOf(config.name + " " + config.tunnel->local.ToString());
}

router::Tunnel TunnelOf(PortIndex port, const TunnelConfig& config) {
  router::Tunnel tunnel;
  tunnel.port = port;
  tunnel.ttl = config.ttl;
  tunnel.key.kind = config.kind;
  tunnel.key.has_key = config.key.has_value();
  tunnel.key.key = config.key.value_or(0);
  tunnel.key.local = config.local;
  tunnel.key.remote = config.remote;
  return tunnel;
}

std::chrono::steady_clock::time_point Now() { return std::chrono::steady_clock::now(); }

}  // namespace

KernelSide::KernelSide(EventLoop& loop, Dataplane& dataplane, std::function<void()> on_addresses)
    : loop_(loop), dataplane_(dataplane), on_addresses_(std::move(on_addresses)) {}

KernelSide::~KernelSide() = default;

std::optional<StartError> KernelSide::Start(const Document& document,
                                            const std::string& holder_socket) {
  holder_socket_ = holder_socket;
  auto sysctls = TapSysctls::Open(document.kernel.network_namespace);
  if (!sysctls.ok()) {
    return StartError{document.kernel.mark, "kernel.namespace", sysctls.status().message()};
  }
  sysctls_.emplace(std::move(*sysctls));
  std::vector<ExceptionTap> taps;
  for (size_t p = 0; p < document.ports.size(); ++p) {
    const PortIndex index(static_cast<uint8_t>(p));
    const PortConfig& config = document.ports[p];
    ports_[p].vlan = config.vlan;
    ports_[p].tunnel = config.tunnel;
    ports_[p].device = config.tunnel ? kNoPort
                       : config.vlan ? PortNamed(document.ports, config.vlan->port)
                                     : index;
    if (auto error = OpenTap(index, config, document.kernel, holder_socket, taps)) {
      return error;
    }
  }
  ExceptionThread::Options options;
  for (unsigned l = 0; l < dataplane_.lcore_count(); ++l) {
    options.lcores.push_back(
        {dataplane_.punt_ring(l), dataplane_.from_tap_ring(l), &dataplane_.lcore(l).wakeup()});
  }
  options.pool = dataplane_.pool();
  exception_ = std::make_unique<ExceptionThread>(std::move(options), std::move(taps));
  if (Status status = exception_->Start(); !status.ok()) {
    return StartError{{}, "", "exception thread: " + status.message()};
  }
  rib_ = std::make_unique<router::Rib>(dataplane_.tables(), dataplane_.qsbr(),
                                       document.router.capacity);
  for (size_t p = 0; p < kMaxPorts; ++p) {
    if (!IsPointToPoint(ports_[p].tunnel)) continue;
    rib_->SetPort(PortIndex(static_cast<uint8_t>(p)),
                  {.mac = ports_[p].mac, .mtu = ports_[p].mtu, .point_to_point = true});
  }
  if (auto error = StartSync(document)) return error;
  ApplyStatic(document);
  WatchKernel();
  return std::nullopt;
}

std::optional<StartError> KernelSide::OpenTap(PortIndex index, const PortConfig& config,
                                              const KernelConfig& kernel,
                                              const std::string& holder_socket,
                                              std::vector<ExceptionTap>& taps) {
  const std::string path = "ports." + config.name + ".tap";
  const auto fail = [&](const Status& status) {
    return StartError{config.mark, path, status.message()};
  };
  PortState& state = ports_[index.value()];
  state.present = true;
  state.mac = config.tunnel ? TunnelMac(config) : dataplane_.port(state.device)->mac();
  state.mtu = config.mtu;
  auto opened = TapDevice::Open({.name = config.tap,
                                 .network_namespace = kernel.network_namespace,
                                 .mac = state.mac,
                                 .mtu = config.mtu,
                                 .no_arp = IsPointToPoint(state.tunnel)});
  if (!opened.ok()) return fail(opened.status());
  state.tap = std::make_unique<TapDevice>(std::move(*opened));
  TapDevice& tap = *state.tap;
  auto holder = TapHolderClient::ConnectOrStart(holder_socket);
  if (!holder.ok()) return fail(holder.status());
  auto detached = tap.OpenDetachedQueue();
  if (!detached.ok()) return fail(detached.status());
  if (Status status = holder->Hold(config.tap, detached->get()); !status.ok()) return fail(status);
  if (Status status = sysctls_->Add(config.tap, !tap.adopted()); !status.ok()) return fail(status);
  // An adopted TAP keeps the state that somebody gave it with `ip link`.
  if (!tap.adopted()) {
    if (Status status = tap.SetUp(true); !status.ok()) return fail(status);
  }
  Log(LogArea::kTap, LogLevel::kInfo, "{}: {} TAP {} for port {}", config.tap,
      tap.adopted() ? "adopted" : "made", config.tap, config.name);
  taps.push_back(
      {index, tap.TakeQueue(), LcoreIndex(static_cast<uint8_t>(dataplane_.EgressLcore(index)))});
  return std::nullopt;
}

std::optional<StartError> KernelSide::StartSync(const Document& document) {
  router::KernelSync::Options options;
  options.network_namespace = document.kernel.network_namespace;
  options.tables = document.kernel.tables;
  for (size_t p = 0; p < document.ports.size(); ++p) {
    options.ports.push_back({PortIndex(static_cast<uint8_t>(p)), document.ports[p].tap});
  }
  options.on_link_change = [this](const router::PortLinkChange& change) { OnLinkChange(change); };
  options.on_addresses_change = [this](const router::KernelAddresses&) {
    PublishPorts();
    FollowBroadcasts();
    on_addresses_();
  };
  options.on_neighbor_settled = [this](PortIndex port, const IpAddress& address) {
    if (resolver_) resolver_->Finished(port, address);
  };
  options.on_link_up = [this](PortIndex) {
    if (static_state_) LogRefused(static_state_->Reapply());
    on_addresses_();
  };
  const auto fail = [&](const Status& status) {
    return StartError{document.kernel.mark, "kernel", status.message()};
  };
  auto sync = router::KernelSync::Open(std::move(options), *rib_);
  if (!sync.ok()) return fail(sync.status());
  sync_ = std::move(*sync);
  auto resolver = router::NeighborResolver::Open(
      {.network_namespace = document.kernel.network_namespace,
       .if_index = [this](PortIndex port) { return sync_->IfIndex(port); }});
  if (!resolver.ok()) return fail(resolver.status());
  resolver_.emplace(std::move(*resolver));
  auto static_state = router::StaticState::Open(document.kernel.network_namespace);
  if (!static_state.ok()) return fail(static_state.status());
  static_state_.emplace(std::move(*static_state));
  PollDevices();
  if (Status status = sync_->Start(Now()); !status.ok()) return fail(status);
  PublishPorts();
  return std::nullopt;
}

void KernelSide::WatchKernel() {
  const auto watch = [&](int fd, std::function<void()> work) {
    handles_.push_back(
        loop_.WatchFd(fd, {.read = true}, [work = std::move(work)](FdEvents) { work(); }));
  };
  const auto every = [&](milliseconds period, std::function<void()> work) {
    handles_.push_back(loop_.RunEvery(period, std::move(work)));
  };
  watch(sync_->fd(), [this] { sync_->OnReadable(Now()); });
  watch(resolver_->fd(), [this] { resolver_->OnReadable(); });
  watch(sysctls_->fd(), [this] { sysctls_->OnReadable(); });
  every(kSyncPeriod, [this] {
    sync_->Tick(Now());
    resolver_->Tick(Now());
  });
  every(kSysctlPeriod, [this] { sysctls_->Tick(); });
  every(kResolvePeriod, [this] { ServeResolveRequests(); });
  every(kUsePeriod, [this] { ReportUse(); });
  every(kDevicePeriod, [this] { PollDevices(); });
}

void KernelSide::ServeResolveRequests() {
  std::array<router::ResolveRequest, 64> requests;
  for (unsigned l = 0; l < dataplane_.lcore_count(); ++l) {
    const unsigned n = rte_ring_sc_dequeue_burst_elem(
        dataplane_.resolve_ring(l), requests.data(), sizeof(requests[0]),
        static_cast<unsigned>(requests.size()), nullptr);
    for (unsigned i = 0; i < n; ++i) {
      resolver_->Resolve(requests[i].port, requests[i].address, Now());
    }
  }
}

void KernelSide::ReportUse() {
  const auto used =
      keeper_.Round(sync_->StaleNeighbors(), [this](const router::NeighborKeeper::Key& key) {
        return rib_->NeighborPackets(key.first, key.second);
      });
  for (const auto& [port, address] : used) resolver_->ReportUse(port, address);
}

void KernelSide::OnLinkChange(const router::PortLinkChange& change) {
  PortState& state = ports_[change.port.value()];
  if (!change.present) {
    Log(LogArea::kTap, LogLevel::kWarn, "TAP of port {} was removed; making it anew",
        unsigned{change.port.value()});
    loop_.Post([this, port = change.port] { RecreateTap(port); });
    return;
  }
  if (change.admin_up != state.admin_up) {
    state.admin_up = change.admin_up;
    if (Status status = ApplyAdminState(change.port, change.admin_up); !status.ok()) {
      Log(LogArea::kPort, LogLevel::kWarn, "port {}: {}", unsigned{change.port.value()},
          status.message());
    }
  }
  if (change.mtu != state.mtu) {
    if (Status status = ApplyMtu(change.port, change.mtu); status.ok()) {
      state.mtu = change.mtu;
    } else {
      Log(LogArea::kPort, LogLevel::kWarn, "port {}: keeps mtu {}: {}",
          unsigned{change.port.value()}, state.mtu, status.message());
    }
  }
  PublishPorts();
}

Status KernelSide::ApplyAdminState(PortIndex port, bool up) {
  if (ports_[port.value()].device != port) return Status::Ok();
  return dataplane_.port(port)->SetLinkUp(up);
}

Status KernelSide::ApplyMtu(PortIndex port, uint16_t mtu) {
  const PortState& state = ports_[port.value()];
  if (state.tunnel) return Status::Ok();
  if (!state.vlan) return dataplane_.port(port)->SetMtu(mtu);
  const uint16_t most = ports_[state.device.value()].mtu;
  if (mtu <= most) return Status::Ok();
  return {StatusCode::kInvalidArgument,
          "the port below takes no more than " + std::to_string(most)};
}

void KernelSide::RecreateTap(PortIndex port) {
  PortState& state = ports_[port.value()];
  const TapOptions options{.name = state.tap->name(),
                           .network_namespace = state.tap->network_namespace(),
                           .mac = state.mac,
                           .mtu = state.mtu,
                           .no_arp = IsPointToPoint(state.tunnel)};
  auto opened = TapDevice::Open(options);
  if (!opened.ok()) {
    Log(LogArea::kTap, LogLevel::kError, "{}", opened.status().message());
    return;
  }
  state.tap = std::make_unique<TapDevice>(std::move(*opened));
  auto holder = TapHolderClient::ConnectOrStart(holder_socket_);
  auto detached = state.tap->OpenDetachedQueue();
  if (holder.ok() && detached.ok()) {
    if (Status status = holder->Hold(options.name, detached->get()); !status.ok()) {
      Log(LogArea::kTap, LogLevel::kWarn, "{}", status.message());
    }
  }
  for (const Status& status : {sysctls_->Add(options.name, true), state.tap->SetUp(true)}) {
    if (!status.ok()) Log(LogArea::kTap, LogLevel::kError, "{}", status.message());
  }
  exception_->ReplaceTap(port, state.tap->TakeQueue());
}

// Link state and speed of the devices, shown on the TAPs so that the kernel's daemons see them.
void KernelSide::PollDevices() {
  bool changed = false;
  for (size_t p = 0; p < kMaxPorts; ++p) {
    PortState& state = ports_[p];
    if (!state.present) continue;
    const LinkState link = LinkOf(PortIndex(static_cast<uint8_t>(p)));
    if (link.up != state.link.up) {
      changed = true;
      if (Status status = state.tap->SetCarrier(link.up); !status.ok()) {
        LogLimited(LogArea::kTap, LogLevel::kWarn, state.tap->name(), "{}", status.message());
      }
      Log(LogArea::kPort, LogLevel::kInfo, "{}: link {}", state.tap->name(),
          link.up ? "up" : "down");
    }
    if (link.speed_mbps != state.link.speed_mbps && link.speed_mbps != 0) {
      if (Status status = state.tap->SetSpeed(link.speed_mbps, true); !status.ok()) {
        LogLimited(LogArea::kTap, LogLevel::kDebug, state.tap->name(), "{}", status.message());
      }
    }
    state.link = link;
  }
  if (changed) PublishPorts();
}

LinkState KernelSide::LinkOf(PortIndex port) {
  const PortState& state = ports_[port.value()];
  if (state.tunnel) return {.up = true};
  if (state.device == port) dataplane_.port(port)->FollowMembers();
  LinkState link = dataplane_.port(state.device)->link();
  if (state.vlan && !ports_[state.device.value()].admin_up) link.up = false;
  return link;
}

void KernelSide::PublishPorts() {
  auto table = std::make_unique<router::PortTable>();
  for (size_t p = 0; p < kMaxPorts; ++p) {
    const PortState& state = ports_[p];
    if (!state.present) continue;
    router::PortEntry& entry = table->ports[p];
    entry.present = true;
    entry.up = state.up();
    entry.mtu = state.mtu;
    entry.mac = state.mac;
    SetPortFeatures(state.features, entry);
    SetVirtualMacs(PortIndex(static_cast<uint8_t>(p)), entry);
    for (const router::OwnAddress& own : sync_->addresses().ports[p].own) {
      if (!own.primary || own.vip) continue;
      const IpAddress& address = own.address.address;
      if (address.is_v4() && !entry.ipv4) entry.ipv4 = address.v4();
      // A global address, if there is one, speaks for us better than a link-local one.
      if (address.is_v6() && (!entry.ipv6 || entry.ipv6->IsLinkLocal())) entry.ipv6 = address.v6();
    }
    rib_->SetPort(PortIndex(static_cast<uint8_t>(p)),
                  {.mac = state.mac,
                   .mtu = state.mtu,
                   .up = entry.up,
                   .point_to_point = IsPointToPoint(state.tunnel)});
    if (state.tunnel) {
      table->tunnels.Add(TunnelOf(PortIndex(static_cast<uint8_t>(p)), *state.tunnel));
    }
    if (state.vlan) {
      table->AddSubPort(PortIndex(static_cast<uint8_t>(p)), state.device, state.vlan->id,
                        state.vlan->inner);
    }
  }
  table->Seal();
  dataplane_.port_table().Publish(std::move(table), dataplane_.qsbr());
}

void KernelSide::SetVirtualMacs(PortIndex port, router::PortEntry& entry) {
  const std::vector<MacAddress>& macs = sync_->addresses().ports[port.value()].macs;
  const size_t count = std::min<size_t>(macs.size(), entry.virtual_macs.size());
  if (count < macs.size()) {
    LogLimited(LogArea::kPort, LogLevel::kWarn, "virtual macs",
               "port {}: {} macvlan devices on its TAP, of which {} are served",
               unsigned{port.value()}, macs.size(), count);
  }
  std::copy_n(macs.begin(), count, entry.virtual_macs.begin());
  entry.virtual_mac_count = static_cast<uint8_t>(count);
  PortState& state = ports_[port.value()];
  if (state.virtual_macs == macs || state.tunnel) return;
  state.virtual_macs = macs;
  // The devices of all ports that share the filter.
  std::vector<MacAddress> wanted;
  for (const PortState& other : ports_) {
    if (!other.present || other.device != state.device) continue;
    wanted.insert(wanted.end(), other.virtual_macs.begin(), other.virtual_macs.end());
  }
  dataplane_.port(state.device)->SetVirtualMacs(wanted);
}

// The kernel has its broadcast addresses as routes that nothing is forwarded by, and so has the
// RIB. Where the document allows directed broadcasts, such an address is a neighbour with the MAC
// address of all hosts instead.
void KernelSide::FollowBroadcasts() {
  std::map<Ipv4Address, PortIndex> wanted;
  for (size_t p = 0; p < kMaxPorts; ++p) {
    if (!ports_[p].features.directed_broadcast) continue;
    for (const Ipv4Address& address : sync_->addresses().ports[p].broadcast) {
      wanted.emplace(address, PortIndex(static_cast<uint8_t>(p)));
    }
  }
  const auto differs = [](const auto& map, const auto& entry) {
    const auto same = map.find(entry.first);
    return same == map.end() || same->second != entry.second;
  };
  for (const auto& entry : broadcasts_) {
    if (!differs(wanted, entry)) continue;
    rib_->RemoveNeighbor(entry.second, entry.first);
    const auto& there = sync_->addresses().ports[entry.second.value()].broadcast;
    if (std::ranges::find(there, entry.first) == there.end()) continue;
    router::RibRoute route;
    route.prefix = IpPrefix::Host(entry.first);
    route.protocol = RTPROT_KERNEL;
    route.action = router::NexthopAction::kBroadcast;
    if (Status status = rib_->UpsertRoute(route); !status.ok()) {
      Log(LogArea::kRouter, LogLevel::kWarn, "{}", status.message());
    }
  }
  for (const auto& entry : wanted) {
    if (!differs(broadcasts_, entry)) continue;
    // Not there when the port's link has just come and the route is still on its way.
    const Status removed = rib_->RemoveRoute(IpPrefix::Host(entry.first), 0);
    if (!removed.ok() && removed.code() != StatusCode::kNotFound) {
      Log(LogArea::kRouter, LogLevel::kWarn, "{}", removed.message());
    }
    rib_->SetNeighbor(entry.second, entry.first, MacAddress::Broadcast());
  }
  broadcasts_ = std::move(wanted);
}

void KernelSide::ApplyStatic(const Document& document) {
  std::vector<router::StaticPort> ports;
  for (size_t p = 0; p < document.ports.size(); ++p) {
    ports_[p].features = document.ports[p].features;
    ports.push_back(
        {PortIndex(static_cast<uint8_t>(p)), document.ports[p].tap, document.ports[p].addresses});
  }
  PublishPorts();
  FollowBroadcasts();
  LogRefused(static_state_->Apply(std::move(ports), document.router.routes));
}

void KernelSide::LogRefused(const std::vector<Status>& refused) {
  for (const Status& status : refused) {
    LogLimited(LogArea::kRouter, LogLevel::kWarn, status.message(), "{}", status.message());
  }
}

void KernelSide::Stop() {
  handles_.clear();
  if (exception_ != nullptr) exception_->Stop();
}

}  // namespace flyover
