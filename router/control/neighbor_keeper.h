// Keeps neighbours that lcores send to reachable in the kernel: the kernel does not see the
// packets, would let their entries go stale and then collect them, and a flow would wait for a new
// resolution.
//
// Once a round it looks at the neighbours that the kernel has as stale. Those that packets went to
// since the last round are reported to it as used (NTF_USE): it confirms them by unicast probes, as
// it does for traffic of its own (RFC 4861 7.3.3), and finds out when one is gone.
//
// Pure: who is stale and how much was sent comes in, whom to report goes out. Threads: the control
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "common/base/strong_id.h"
#include "common/net/ip_address.h"

namespace flyover::router {

class NeighborKeeper {
 public:
  using Key = std::pair<PortIndex, IpAddress>;

  // One round, to be made about once a second. `stale`: those of now; `packets`: sent to it so far.
  // Returns those in use.
  std::vector<Key> Round(const std::vector<Key>& stale,
                         const std::function<uint64_t(const Key&)>& packets);
  // Reports made so far.
  uint64_t reported() const { return reported_; }

 private:
  std::map<Key, uint64_t> sent_;  // of the last round, of those that were stale then
  uint64_t reported_ = 0;
};

}  // namespace flyover::router
