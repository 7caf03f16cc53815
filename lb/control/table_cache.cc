#include "lb/control/table_cache.h"

#include <algorithm>

namespace flyover::lb {

Result<std::shared_ptr<const MaglevTable>> TableCache::Get(std::vector<MaglevMember> members,
                                                           uint64_t seed, uint32_t size) {
  std::sort(members.begin(), members.end());
  Key key(seed, size, std::move(members));
  if (const auto known = tables_.find(key); known != tables_.end()) {
    if (auto table = known->second.lock()) return table;
  }
  auto built = MaglevTable::Build(std::get<2>(key), seed, size);
  if (!built.ok()) return built.status();
  auto table = std::make_shared<const MaglevTable>(std::move(built).value());
  tables_.insert_or_assign(std::move(key), table);
  return table;
}

size_t TableCache::memory_bytes() const {
  size_t bytes = 0;
  for (const auto& [key, weak] : tables_) {
    if (const auto table = weak.lock()) bytes += table->memory_bytes();
  }
  return bytes;
}

void TableCache::Trim() {
  std::erase_if(tables_, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace flyover::lb
