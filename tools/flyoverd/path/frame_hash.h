// Which lcore a frame belongs to, where the device cannot tell (fewer queues than lcores): a keyed
// hash of what identifies the flow, read from the raw frame. Frames of one flow always give the
// same value.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "common/net/flow_hash.h"

namespace flyover {

// Never reads beyond the first segment. Frames that are not IP, and what cannot be read, hash to 0.
uint32_t FrameHash(const HashKey& key, const rte_mbuf* m);

}  // namespace flyover
