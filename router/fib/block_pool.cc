#include "router/fib/block_pool.h"

#include <cassert>
#include <utility>

namespace flyover::router {

BlockPool::BlockPool(uint32_t limit, uint32_t headroom) : limit_(limit), end_(limit + headroom) {}

uint32_t BlockPool::Allocate(unsigned size, bool urgent) {
  assert(size >= 1 && size <= kMaxBlock);
  uint32_t index = kNone;
  if (!free_[size].empty()) {
    index = free_[size].back();
    free_[size].pop_back();
  } else {
    const uint32_t end = urgent ? end_ : limit_;
    if (next_ + size > end + 1) return kNone;
    index = next_;
    next_ += size;
  }
  used_ += size;
  return index;
}

void BlockPool::Free(Block block) {
  free_[block.size].push_back(block.index);
  used_ -= block.size;
}

void BlockPool::Retire(const std::shared_ptr<BlockPool>& pool, std::vector<Block> blocks,
                       QsbrDomain& qsbr) {
  if (blocks.empty()) return;
  qsbr.RetireCall([pool, blocks = std::move(blocks)] {
    for (const Block& block : blocks) pool->Free(block);
  });
}

}  // namespace flyover::router
