#include "router/fib/adjacency.h"

#include <string>

namespace flyover::router {

AdjacencyTable::AdjacencyTable(uint32_t capacity)
    : slots_(size_t{capacity} + 1), pool_(std::make_shared<BlockPool>(capacity)) {}

Result<AdjacencyId> AdjacencyTable::Create(const Adjacency& adjacency) {
  const uint32_t index = pool_->Allocate(1);
  if (index == BlockPool::kNone) {
    return Status(StatusCode::kResourceExhausted,
                  "adjacency table is full (" + std::to_string(capacity()) + " entries)");
  }
  slots_[index] = adjacency;
  return AdjacencyId(index);
}

void AdjacencyTable::Retire(AdjacencyId id, QsbrDomain& qsbr) {
  BlockPool::Retire(pool_, {{id.value(), 1}}, qsbr);
}

}  // namespace flyover::router
