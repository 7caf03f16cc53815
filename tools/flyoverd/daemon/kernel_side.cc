#include "tools/flyoverd/daemon/kernel_side.h"

#include <linux/rtnetlink.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <chrono>

#include "common/dpdk/eal.h"
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
// A copper link takes two to three seconds to negotiate.
constexpr milliseconds kLinkPatience{4000};

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
  tunnel.key.underlay = config.underlay;
  return tunnel;
}

std::chrono::steady_clock::time_point Now() { return std::chrono::steady_clock::now(); }

}  // namespace

KernelSide::KernelSide(EventLoop& loop, Dataplane& dataplane, std::function<void()> on_addresses)
    : loop_(loop), dataplane_(dataplane), on_addresses_(std::move(on_addresses)) {}

KernelSide::~KernelSide() = default;

std::optional<StartError> KernelSide::Start(const Document& document,
                                            const std::string& holder_socket,
                                            const std::vector<unsigned>& lcore_cpus) {
  holder_socket_ = holder_socket;
  if (auto error = OpenVrfs(document)) return error;
  std::vector<ExceptionTap> taps;
  for (size_t p = 0; p < document.ports.size(); ++p) {
    const PortIndex index(static_cast<uint8_t>(p));
    const PortConfig& config = document.ports[p];
    ports_[p].vrf = config.vrf;
    ports_[p].vlan = config.vlan;
    ports_[p].tunnel = config.tunnel;
    ports_[p].device = config.tunnel ? kNoPort
                       : config.vlan ? PortNamed(document.ports, config.vlan->port)
                                     : index;
    if (auto error = OpenTap(index, config, holder_socket, taps)) return error;
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
                                       document.router.Capacities());
  for (size_t p = 0; p < kMaxPorts; ++p) {
    if (!ports_[p].present) continue;
    rib_->SetPort(PortIndex(static_cast<uint8_t>(p)),
                  {.mac = ports_[p].mac,
                   .mtu = ports_[p].mtu,
                   .up = ports_[p].up_for_routes(links_known_),
                   .point_to_point = IsPointToPoint(ports_[p].tunnel),
                   .vrf = ports_[p].vrf});
  }
  if (auto error = StartSync(document, lcore_cpus)) return error;
  ApplyStatic(document);
  WatchKernel();
  return std::nullopt;
}

std::optional<StartError> KernelSide::OpenVrfs(const Document& document) {
  const std::vector<std::string> names = document.router.VrfNames();
  for (size_t v = 0; v < names.size(); ++v) {
    const VrfIndex index(static_cast<uint8_t>(v));
    const KernelConfig& config = document.router.KernelOf(index, document.kernel);
    auto vrf = KernelVrf::Open(index, names[v], config);
    if (!vrf.ok()) {
      const std::string path = v == 0 ? "kernel" : "vrfs." + names[v];
      return StartError{config.mark, path + ".namespace", vrf.status().message()};
    }
    vrfs_.push_back(std::move(*vrf));
  }
  return std::nullopt;
}

std::optional<StartError> KernelSide::OpenTap(PortIndex index, const PortConfig& config,
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
                                 .network_namespace = VrfOf(index).network_namespace(),
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
  if (Status status = VrfOf(index).sysctls().Add(config.tap, !tap.adopted()); !status.ok()) {
    return fail(status);
  }
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

Status KernelSide::StartVrf(KernelVrf& vrf, const Document& document) {
  router::KernelSync::Options options;
  for (size_t p = 0; p < document.ports.size(); ++p) {
    if (ports_[p].vrf != vrf.index()) continue;
    options.ports.push_back({PortIndex(static_cast<uint8_t>(p)), document.ports[p].tap});
  }
  options.on_link_change = [this](const router::PortLinkChange& change) { OnLinkChange(change); };
  options.on_addresses_change = [this](const router::KernelAddresses&) {
    PublishPorts();
    FollowBroadcasts();
    on_addresses_();
  };
  options.on_neighbor_settled = [&vrf](PortIndex port, const IpAddress& address) {
    vrf.resolver().Finished(port, address);
  };
  options.on_link_up = [this, &vrf](PortIndex) {
    LogRefused(vrf.static_state().Reapply());
    on_addresses_();
  };
  return vrf.OpenSync(std::move(options), *rib_);
}

std::optional<StartError> KernelSide::StartSync(const Document& document,
                                                const std::vector<unsigned>& lcore_cpus) {
  const auto fail = [&](const KernelVrf& vrf, const Status& status) {
    const std::string path = vrf.index() == kMainVrf ? "kernel" : "vrfs." + vrf.name();
    return StartError{document.router.KernelOf(vrf.index(), document.kernel).mark, path,
                      status.message()};
  };
  for (const auto& vrf : vrfs_) {
    if (Status status = StartVrf(*vrf, document); !status.ok()) return fail(*vrf, status);
  }
  PollDevices();
  std::vector<unsigned> cpus = AllowedCpus();
  cpus.insert(cpus.end(), lcore_cpus.begin(), lcore_cpus.end());
  for (const auto& vrf : vrfs_) {
    if (Status status = vrf->sync().Start(Now(), cpus); !status.ok()) return fail(*vrf, status);
  }
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
  for (const auto& vrf : vrfs_) {
    watch(vrf->sync().fd(), [&vrf = *vrf] { vrf.sync().OnReadable(Now()); });
    watch(vrf->resolver().fd(), [&vrf = *vrf] { vrf.resolver().OnReadable(); });
    watch(vrf->sysctls().fd(), [&vrf = *vrf] { vrf.sysctls().OnReadable(); });
    every(kSyncPeriod, [&vrf = *vrf] {
      vrf.sync().Tick(Now());
      vrf.resolver().Tick(Now());
    });
    every(kSysctlPeriod, [&vrf = *vrf] { vrf.sysctls().Tick(); });
  }
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
      VrfOf(requests[i].port).resolver().Resolve(requests[i].port, requests[i].address, Now());
    }
  }
}

void KernelSide::ReportUse() {
  std::vector<router::NeighborKeeper::Key> stale;
  for (const auto& vrf : vrfs_) {
    const auto own = vrf->sync().StaleNeighbors();
    stale.insert(stale.end(), own.begin(), own.end());
  }
  const auto used = keeper_.Round(stale, [this](const router::NeighborKeeper::Key& key) {
    return rib_->NeighborPackets(key.first, key.second);
  });
  for (const auto& [port, address] : used) VrfOf(port).resolver().ReportUse(port, address);
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
  for (const Status& status :
       {VrfOf(port).sysctls().Add(options.name, true), state.tap->SetUp(true)}) {
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
  if (!links_known_ && LinksSettled()) links_known_ = changed = true;
  if (changed) PublishPorts();
}

void KernelSide::Launched() { launched_ = Now(); }

bool KernelSide::LinksSettled() const {
  if (!launched_) return false;
  if (Now() - *launched_ > kLinkPatience) return true;
  return std::ranges::none_of(
      ports_, [](const PortState& port) { return port.present && port.admin_up && !port.link.up; });
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
    entry.vrf = state.vrf;
    SetPortFeatures(state.features, entry);
    SetVirtualMacs(PortIndex(static_cast<uint8_t>(p)), entry);
    for (const router::OwnAddress& own : addresses(PortIndex(static_cast<uint8_t>(p))).own) {
      if (!own.primary || own.vip) continue;
      const IpAddress& address = own.address.address;
      if (address.is_v4() && !entry.ipv4) entry.ipv4 = address.v4();
      // A global address, if there is one, speaks for us better than a link-local one.
      if (address.is_v6() && (!entry.ipv6 || entry.ipv6->IsLinkLocal())) entry.ipv6 = address.v6();
    }
    rib_->SetPort(PortIndex(static_cast<uint8_t>(p)),
                  {.mac = state.mac,
                   .mtu = state.mtu,
                   .up = state.up_for_routes(links_known_),
                   .point_to_point = IsPointToPoint(state.tunnel),
                   .vrf = state.vrf});
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
  const std::vector<MacAddress>& macs = addresses(port).macs;
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
  std::map<std::pair<VrfIndex, Ipv4Address>, PortIndex> wanted;
  for (size_t p = 0; p < kMaxPorts; ++p) {
    if (!ports_[p].features.directed_broadcast) continue;
    const PortIndex port(static_cast<uint8_t>(p));
    for (const Ipv4Address& address : addresses(port).broadcast) {
      wanted.emplace(std::pair(ports_[p].vrf, address), port);
    }
  }
  const auto differs = [](const auto& map, const auto& entry) {
    const auto same = map.find(entry.first);
    return same == map.end() || same->second != entry.second;
  };
  for (const auto& entry : broadcasts_) {
    if (!differs(wanted, entry)) continue;
    const auto& [vrf, address] = entry.first;
    rib_->RemoveNeighbor(entry.second, address);
    const auto& there = addresses(entry.second).broadcast;
    if (std::ranges::find(there, address) == there.end()) continue;
    router::RibRoute route;
    route.prefix = IpPrefix::Host(address);
    route.protocol = RTPROT_KERNEL;
    route.action = router::NexthopAction::kBroadcast;
    if (Status status = rib_->vrf(vrf).UpsertRoute(route); !status.ok()) {
      Log(LogArea::kRouter, LogLevel::kWarn, "{}", status.message());
    }
  }
  for (const auto& entry : wanted) {
    if (!differs(broadcasts_, entry)) continue;
    const auto& [vrf, address] = entry.first;
    // Not there when the port's link has just come and the route is still on its way.
    const Status removed = rib_->vrf(vrf).RemoveRoute(IpPrefix::Host(address), 0);
    if (!removed.ok() && removed.code() != StatusCode::kNotFound) {
      Log(LogArea::kRouter, LogLevel::kWarn, "{}", removed.message());
    }
    rib_->SetNeighbor(entry.second, address, MacAddress::Broadcast());
  }
  broadcasts_ = std::move(wanted);
}

void KernelSide::ApplyStatic(const Document& document) {
  for (size_t p = 0; p < document.ports.size(); ++p) {
    ports_[p].features = document.ports[p].features;
  }
  PublishPorts();
  FollowBroadcasts();
  for (const auto& vrf : vrfs_) ApplyStatic(*vrf, document);
}

void KernelSide::ApplyStatic(KernelVrf& vrf, const Document& document) {
  std::vector<router::StaticPort> ports;
  for (size_t p = 0; p < document.ports.size(); ++p) {
    const PortConfig& config = document.ports[p];
    if (config.vrf != vrf.index()) continue;
    ports.push_back({PortIndex(static_cast<uint8_t>(p)), config.tap, config.addresses});
  }
  std::vector<router::StaticRoute> routes;
  for (const router::StaticRoute& route : document.router.routes) {
    if (route.vrf == vrf.index()) routes.push_back(route);
  }
  LogRefused(vrf.static_state().Apply(std::move(ports), std::move(routes)));
  router::VrfRib::Leaks leaks;
  for (const router::LeakRoute& leak : document.router.leaks) {
    if (leak.vrf == vrf.index()) leaks.emplace(leak.to, leak.into);
  }
  if (Status status = rib_->vrf(vrf.index()).SetLeaks(leaks); !status.ok()) LogRefused({status});
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
