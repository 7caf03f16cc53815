// Maglev tables by what they are built from: services with equal pools share one, and a change that
// leaves a pool as it was builds nothing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "common/base/status.h"
#include "lb/maglev/maglev_table.h"

namespace flyover::lb {

class TableCache {
 public:
  // The table of these members, whatever their order. Errors: those of MaglevTable::Build.
  Result<std::shared_ptr<const MaglevTable>> Get(std::vector<MaglevMember> members, uint64_t seed,
                                                 uint32_t size = kDefaultTableSize);
  // Forgets tables that nobody holds any more.
  void Trim();
  size_t size() const { return tables_.size(); }
  // Of all tables that somebody holds, each once.
  size_t memory_bytes() const;

 private:
  // Seed, size, members by rank.
  using Key = std::tuple<uint64_t, uint32_t, std::vector<MaglevMember>>;
  std::map<Key, std::weak_ptr<const MaglevTable>> tables_;
};

}  // namespace flyover::lb
