#include "lb/control/table_cache.h"

#include <algorithm>

namespace flyover::lb {

Result<std::shared_ptr<const MaglevTable>> TableCache::Get(std::vector<MaglevMember> members,
                                                           uint64_t seed) {
  std::sort(members.begin(), members.end());
  Key key(seed, std::move(members));
  if (const auto known = tables_.find(key); known != tables_.end()) {
    if (auto table = known->second.lock()) return table;
  }
  auto built = MaglevTable::Build(key.second, seed);
  if (!built.ok()) return built.status();
  auto table = std::make_shared<const MaglevTable>(std::move(built).value());
  tables_.insert_or_assign(std::move(key), table);
  return table;
}

void TableCache::Trim() {
  std::erase_if(tables_, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace flyover::lb
