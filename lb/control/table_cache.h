// Maglev tables by what they are built from: services with equal pools share one, and a change that
// leaves a pool as it was builds nothing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "lb/maglev/maglev_table.h"

namespace flyover::lb {

class TableCache {
 public:
  // The table of these members, whatever their order. Errors: those of MaglevTable::Build.
  Result<std::shared_ptr<const MaglevTable>> Get(std::vector<MaglevMember> members, uint64_t seed);
  // Forgets tables that nobody holds any more.
  void Trim();
  size_t size() const { return tables_.size(); }

 private:
  using Key = std::pair<uint64_t, std::vector<MaglevMember>>;  // seed, members by rank
  std::map<Key, std::weak_ptr<const MaglevTable>> tables_;
};

}  // namespace flyover::lb
