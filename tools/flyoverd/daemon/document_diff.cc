#include "tools/flyoverd/daemon/document_diff.h"

#include <algorithm>
#include <map>

namespace flyover {
namespace {

template <typename T>
std::map<std::string, const T*> ByName(const std::vector<T>& items) {
  std::map<std::string, const T*> map;
  for (const T& item : items) map[item.name] = &item;
  return map;
}

// Calls `both` for names on both sides; notes the others.
template <typename T, typename Both>
void CompareByName(const std::string& path, const std::vector<T>& before,
                   const std::vector<T>& after, std::vector<std::string>& changes,
                   const Both& both) {
  const auto old_items = ByName(before);
  const auto new_items = ByName(after);
  const auto place = [&path](const std::string& name) { return path + "." + name; };
  for (const auto& [name, item] : old_items) {
    if (!new_items.contains(name)) changes.push_back(place(name) + ": removed");
  }
  for (const auto& [name, item] : new_items) {
    const auto it = old_items.find(name);
    if (it == old_items.end()) {
      changes.push_back(place(name) + ": added");
    } else if (!(*it->second == *item)) {
      both(place(name), *it->second, *item);
    }
  }
}

void CompareBackends(const std::string& path, const lb::ServiceConfig& before,
                     const lb::ServiceConfig& after, std::vector<std::string>& changes) {
  CompareByName(
      path + ".backends", before.backends, after.backends, changes,
      [&](const std::string& where, const lb::BackendConfig& a, const lb::BackendConfig& b) {
        if (a.weight != b.weight) {
          changes.push_back(where + ".weight: " + std::to_string(a.weight) + " -> " +
                            std::to_string(b.weight));
        }
        if (a.address != b.address) {
          changes.push_back(where + ".address: " + a.address.ToString() + " -> " +
                            b.address.ToString());
        }
      });
}

}  // namespace

std::vector<ConfigError> ChangesThatNeedRestart(const Document& running, const Document& next,
                                                const std::string& file) {
  std::vector<ConfigError> errors;
  const auto fixed = [&](bool same, const DocumentMark& mark, const std::string& path) {
    if (same) return;
    errors.push_back({file, mark.line, mark.column, path,
                      "cannot change while the data plane runs; nothing was changed; accepted: the "
                      "running value, or a restart with the new one"});
  };
  const DocumentMark none;
  fixed(running.dataplane == next.dataplane, next.dataplane.mark, "dataplane");
  fixed(running.kernel == next.kernel, next.kernel.mark, "kernel");
  fixed(running.metrics == next.metrics, next.metrics.mark, "metrics");
  fixed(running.control == next.control, next.control.mark, "control");
  fixed(running.punt == next.punt, none, "punt");
  fixed(running.router.ecmp == next.router.ecmp, none, "router.ecmp");
  fixed(running.router.capacity == next.router.capacity, none, "router.capacity");
  fixed(running.router.vrfs == next.router.vrfs,
        next.router.vrfs.empty() ? none : next.router.vrfs[0].kernel.mark, "vrfs");
  fixed(running.router.icmp_errors == next.router.icmp_errors, none, "router.icmp_errors");
  fixed(running.lb.seed == next.lb.seed, none, "balancer.seed");
  fixed(running.lb.connections.capacity == next.lb.connections.capacity, none,
        "balancer.connections.capacity");
  fixed(running.lb.health_namespace == next.lb.health_namespace, none, "health.namespace");
  if (running.ports.size() != next.ports.size()) {
    fixed(false, next.ports.empty() ? none : next.ports.back().mark, "ports");
    return errors;
  }
  for (size_t p = 0; p < next.ports.size(); ++p) {
    PortConfig same = next.ports[p];
    same.addresses = running.ports[p].addresses;
    same.features = running.ports[p].features;
    fixed(same == running.ports[p], next.ports[p].mark, "ports." + next.ports[p].name);
  }
  return errors;
}

std::vector<std::string> DescribeChanges(const Document& running, const Document& next) {
  std::vector<std::string> changes;
  for (size_t p = 0; p < next.ports.size() && p < running.ports.size(); ++p) {
    if (running.ports[p].addresses != next.ports[p].addresses) {
      changes.push_back("ports." + next.ports[p].name + ".addresses: changed");
    }
    if (!(running.ports[p].features == next.ports[p].features)) {
      changes.push_back("ports." + next.ports[p].name + ": what it does to packets changed");
    }
  }
  if (running.router.routes != next.router.routes) {
    changes.push_back("routes: " + std::to_string(running.router.routes.size()) + " -> " +
                      std::to_string(next.router.routes.size()) + " static routes");
  }
  if (running.router.leaks != next.router.leaks) {
    changes.push_back("routes: " + std::to_string(running.router.leaks.size()) + " -> " +
                      std::to_string(next.router.leaks.size()) + " leaks between VRFs");
  }
  CompareByName(
      "services", running.lb.services, next.lb.services, changes,
      [&](const std::string& where, const lb::ServiceConfig& a, const lb::ServiceConfig& b) {
        CompareBackends(where, a, b, changes);
        lb::ServiceConfig rest = b;
        rest.backends = a.backends;
        if (!(rest == a)) changes.push_back(where + ": changed");
      });
  if (!(running.lb.connections == next.lb.connections)) {
    changes.emplace_back("balancer.connections: changed");
  }
  if (!(running.log == next.log)) changes.emplace_back("log: changed");
  return changes;
}

}  // namespace flyover
