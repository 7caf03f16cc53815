// A frame in all the ways it may lie in memory.
//
// Debian's DPDK knows nothing of AddressSanitizer: reads beyond an mbuf's data go unseen. Only a
// frame in memory of its own, exactly as large as the frame, shows them (kExternal).
#pragma once

#include <rte_mbuf.h>

#include <string>
#include <vector>

#include "common/testing/packet_builder.h"

namespace flyover::test {

enum class Layout : uint8_t {
  kPlain,     // as a device delivers it, in segments of `cut` bytes (0: one)
  kExternal,  // every segment in heap memory of exactly its size; no headroom
  kShared,    // another mbuf holds the same bytes; the one sent is the clone
  kOriginal,  // the same, and the one sent is the original
};

struct Form {
  Layout layout = Layout::kPlain;
  uint16_t cut = 0;  // bytes a segment; 0: all in one
  std::string Name() const;
};

// One of each kind, with cuts through every header.
const std::vector<Form>& AllForms();

class MbufFactory {
 public:
  explicit MbufFactory(rte_mempool* pool) : pool_(pool) {}
  ~MbufFactory();
  MbufFactory(const MbufFactory&) = delete;
  MbufFactory& operator=(const MbufFactory&) = delete;

  // Aborts when the pool is empty: tests are to bring enough.
  rte_mbuf* Make(const Bytes& frame, const Form& form);

  // Frees what Make kept of shared frames. False when somebody wrote into bytes that were not his
  // alone.
  bool ReleaseShared();

 private:
  rte_mbuf* MakeSegments(const Bytes& frame, const Form& form);
  struct Kept {
    rte_mbuf* m;
    Bytes bytes;
  };
  rte_mempool* pool_;
  std::vector<Kept> kept_;
};

// External buffers that are still alive, over all factories.
size_t LiveExternalBuffers();

// All bytes of a packet, whatever its segments.
Bytes BytesOf(const rte_mbuf* m);

}  // namespace flyover::test
