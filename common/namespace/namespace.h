// Work inside a network namespace without moving the caller's thread there. A socket, TAP queue or
// /proc/sys/net file that is opened inside keeps that namespace for its whole life, so only opening
// needs this.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "common/base/status.h"

namespace flyover {

// "" is the caller's own namespace; a name without '/' is /run/netns/NAME, as `ip netns` makes
// them; anything else is a path (/proc/PID/ns/net).
std::string NamespacePath(const std::string& network_namespace);

// Moves the calling thread, and no other, there for good. Errors: as RunInNamespace.
Status EnterNamespace(const std::string& network_namespace);

// Runs `work` to its end on a short-lived thread inside the namespace (on the caller's thread for
// ""). Without an error `work` has run exactly once; with one it has not run: kNotFound when there
// is no such namespace, kPermissionDenied without CAP_SYS_ADMIN.
Status RunInNamespace(const std::string& network_namespace, const std::function<void()>& work);

// The same for work that returns a Status or a Result<T>.
template <typename F>
auto InNamespace(const std::string& network_namespace, F&& work) -> std::invoke_result_t<F> {
  using Outcome = std::invoke_result_t<F>;
  std::optional<Outcome> outcome;
  Status entered = RunInNamespace(network_namespace, [&] { outcome.emplace(work()); });
  if (!entered.ok()) return entered;
  return std::move(*outcome);
}

}  // namespace flyover
