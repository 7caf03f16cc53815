// Puts the eBPF program on an interface, takes it off and reads what it counted. The program stays
// when this process ends; nothing is pinned in a file system: a later process finds the maps
// through the interface.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "tools/decap/decap_shared.h"

namespace flyover::decap {

// kNative runs in the driver, before the kernel makes a packet of its own of the frame; kGeneric
// works on every driver and is slower.
enum class Mode { kNative, kGeneric };

struct AttachRequest {
  std::string interface;
  Mode mode = Mode::kNative;
  std::vector<DecapAddress> addresses;  // outer destinations that are opened
  std::vector<DecapPrefix> vips;        // inner destinations that are accepted
  uint16_t gue_port = 6080;             // 0: GUE is left to the kernel
  // L3DSR: which VIP each DSCP (1 to 63) stands for, one for each family.
  std::vector<std::pair<uint8_t, DecapAddress>> dscps;
};

struct VipReport {
  DecapPrefix prefix;
  uint64_t packets = 0;  // that were opened for it, over all CPUs
  uint64_t bytes = 0;    // of the inner IP packets
};

struct Report {
  Mode mode = Mode::kNative;
  std::vector<DecapAddress> addresses;
  std::vector<VipReport> vips;
  uint16_t gue_port = 0;
  std::vector<std::pair<uint8_t, DecapAddress>> dscps;
  std::array<uint64_t, kDecapCounterCount> counters{};  // packets, over all CPUs
};

// Replaces an earlier flyover-decap of the interface in one step, with counters at zero.
// Errors: kNotFound            no such interface
//         kFailedPrecondition  another XDP program is there, or the driver has no native mode
//         kPermissionDenied    not root
Status Attach(const AttachRequest& request);

// Errors: kNotFound when flyover-decap is not on the interface; a foreign program is left alone.
Status Detach(const std::string& interface);
Result<Report> Read(const std::string& interface);

}  // namespace flyover::decap
