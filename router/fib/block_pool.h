// Hands out runs of indices of a slab and takes them back after the grace period. Knows nothing of
// what lies there.
//
// Threads: control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/rcu/qsbr_domain.h"

namespace flyover::router {

class BlockPool {
 public:
  static constexpr unsigned kMaxBlock = 64;
  // Index 0 is never handed out: it can stand for "none".
  static constexpr uint32_t kNone = 0;

  struct Block {
    uint32_t index = kNone;
    uint32_t size = 0;
  };

  // Indices lie in [1, limit + headroom). Those from `limit` on are given only to who asks with
  // `urgent`: taking a route out must work in a full table too, although it copies before it frees.
  explicit BlockPool(uint32_t limit, uint32_t headroom = 0);

  // `size` consecutive indices, or kNone. REQUIRES: 1 <= size <= kMaxBlock.
  uint32_t Allocate(unsigned size, bool urgent = false);
  // At once: for what no lcore has seen.
  void Free(Block block);

  // Frees `blocks` after the grace period. The pool outlives the domain's backlog, hence the shared
  // pointer.
  static void Retire(const std::shared_ptr<BlockPool>& pool, std::vector<Block> blocks,
                     QsbrDomain& qsbr);

  // Indices handed out and not yet back, those in their grace period included.
  uint32_t used() const { return used_; }
  uint32_t limit() const { return limit_; }

 private:
  uint32_t next_ = 1;  // behind the highest index ever given
  uint32_t limit_;
  uint32_t end_;
  uint32_t used_ = 0;
  std::array<std::vector<uint32_t>, kMaxBlock + 1> free_;  // by size
};

}  // namespace flyover::router
