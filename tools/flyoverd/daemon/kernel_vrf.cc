#include "tools/flyoverd/daemon/kernel_vrf.h"

#include <utility>

namespace flyover {

Result<std::unique_ptr<KernelVrf>> KernelVrf::Open(VrfIndex index, const std::string& name,
                                                   const KernelConfig& config) {
  auto sysctls = TapSysctls::Open(config.network_namespace);
  if (!sysctls.ok()) return sysctls.status();
  return std::unique_ptr<KernelVrf>(new KernelVrf(index, name, config, std::move(*sysctls)));
}

Status KernelVrf::OpenSync(router::KernelSync::Options options, router::Rib& rib) {
  options.vrf = index_;
  options.network_namespace = config_.network_namespace;
  options.tables = config_.tables;
  auto sync = router::KernelSync::Open(std::move(options), rib);
  if (!sync.ok()) return sync.status();
  sync_ = std::move(*sync);
  auto resolver = router::NeighborResolver::Open(
      {.network_namespace = config_.network_namespace,
       .if_index = [this](PortIndex port) { return sync_->IfIndex(port); }});
  if (!resolver.ok()) return resolver.status();
  resolver_.emplace(std::move(*resolver));
  auto static_state = router::StaticState::Open(config_.network_namespace);
  if (!static_state.ok()) return static_state.status();
  static_state_.emplace(std::move(*static_state));
  return Status::Ok();
}

}  // namespace flyover
