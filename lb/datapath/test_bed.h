// For tests of the balancer's stages: real packet memory, and packets whose meta is filled as the
// router's input stages do.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "common/datapath/burst.h"
#include "common/datapath/stage_context.h"
#include "lb/testing/packets.h"
#include "lb/testing/services.h"

namespace flyover::lb {

struct Layout {
  // Lengths of the first segments; the rest of the packet is one more. Empty: one segment.
  std::vector<uint16_t> segments;
  uint16_t headroom = RTE_PKTMBUF_HEADROOM;
  uint16_t padding = 0;  // bytes behind the IP packet
};

class TestBed : public TestServices {
 public:
  // Starts EAL on first use.
  explicit TestBed(unsigned lcore_count = 1);
  ~TestBed();

  // Appends a packet to the burst; returns its index.
  unsigned Add(const Bytes& l3, const Layout& layout = {});
  // Frees what is in the burst, as transmission would.
  void Clear();
  // The packet's bytes from `offset` of its data on.
  Bytes Read(unsigned i, unsigned offset) const;
  // Its L3 bytes, by meta.
  Bytes ReadL3(unsigned i) const { return Read(i, burst.meta[i].l3_offset); }
  IndexList All() const;

  uint64_t Drops(DropReason reason) const;
  uint64_t AllDrops() const;

  // Walks the whole burst through the balancer's stages on lcore `n`, as the packet path does; the
  // indices that go on to fib_lookup.
  IndexList Run(unsigned n = 0);

  bool plain_balance = true;  // false: every packet takes the stages one by one

  rte_mempool* pool;
  std::unique_ptr<StageContext> context;
  Burst burst;
};

}  // namespace flyover::lb
