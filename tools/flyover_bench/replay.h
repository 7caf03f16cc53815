// Frames of a capture file, to be sent again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace flyover {

struct Replay {
  // Whole Ethernet frames that a router would forward: to the measured port's MAC address, with a
  // TTL of 64, all else as it was.
  std::vector<std::vector<uint8_t>> frames;
  bool ipv4 = false, ipv6 = false;  // which families are among them
  uint64_t left_out = 0;  // not IP, cut short, to or from addresses that no router forwards
};

// pcap or pcapng. Errors: kInvalidArgument, with what would be accepted: no such file, another link
// type than Ethernet, nothing in it to forward. At most 1,048,576 frames are read.
Result<std::shared_ptr<const Replay>> ReadCapture(const std::string& file);

}  // namespace flyover
