// What ServiceManager keeps of a service and of each of its backends. For lb/control's own files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lb/control/service_manager.h"

namespace flyover::lb {

struct ServiceManager::Backend {
  static constexpr BackendId kNoId{0xffff};

  BackendConfig config;
  std::string key;       // in backend_ids_
  BackendId id = kNoId;  // until it is given one
  std::optional<HealthTarget> target;
  WallTime since;
  bool fresh = false;  // the running service did not have it when this was made
  bool drained = false;
  std::optional<uint16_t> weight_by_command;
  std::optional<Clock::time_point> ramp_since;  // slow start
  uint16_t effective_weight = 0;                // as published

  uint16_t weight() const { return weight_by_command.value_or(config.weight); }
};

struct ServiceManager::Service {
  ServiceConfig config;
  ServiceId id;
  std::vector<Backend> backends;
  PoolTable current;  // no table before the first publication
  struct Kept {
    PoolTable table;
    Clock::time_point until;
  };
  std::vector<Kept> kept;           // the oldest first; no two choose alike, none is empty
  std::vector<uint64_t> unsettled;  // ServiceEntry::unsettled
  bool tables_changed = false;      // since `unsettled` was computed

  const Backend* Find(const IpAddress& address) const {
    for (const Backend& backend : backends) {
      if (backend.config.address == address) return &backend;
    }
    return nullptr;
  }
};

}  // namespace flyover::lb
