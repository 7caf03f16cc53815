// One VRF's tie to its network namespace: what is read there by netlink, what of the document is
// put there, whom the kernel is asked for.
//
// Threads: control thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/status.h"
#include "common/config/dataplane_config.h"
#include "common/tap/tap_sysctls.h"
#include "router/control/kernel_sync.h"
#include "router/control/neighbor_resolver.h"
#include "router/control/static_state.h"
#include "router/rib/rib.h"

namespace flyover {

class KernelVrf {
 public:
  // `name` is for messages.
  static Result<std::unique_ptr<KernelVrf>> Open(VrfIndex index, const std::string& name,
                                                 const KernelConfig& config);

  // Opens all that follows the kernel; sync() does not run yet. The namespace and tables of
  // `options` are filled in here.
  Status OpenSync(router::KernelSync::Options options, router::Rib& rib);

  VrfIndex index() const { return index_; }
  const std::string& name() const { return name_; }
  const std::string& network_namespace() const { return config_.network_namespace; }
  TapSysctls& sysctls() { return sysctls_; }
  // After OpenSync.
  router::KernelSync& sync() { return *sync_; }
  const router::KernelSync& sync() const { return *sync_; }
  router::NeighborResolver& resolver() { return *resolver_; }
  router::StaticState& static_state() { return *static_state_; }

 private:
  KernelVrf(VrfIndex index, std::string name, KernelConfig config, TapSysctls sysctls)
      : index_(index),
        name_(std::move(name)),
        config_(std::move(config)),
        sysctls_(std::move(sysctls)) {}

  VrfIndex index_;
  std::string name_;
  KernelConfig config_;
  TapSysctls sysctls_;
  std::unique_ptr<router::KernelSync> sync_;
  std::optional<router::StaticState> static_state_;
  std::optional<router::NeighborResolver> resolver_;
};

}  // namespace flyover
