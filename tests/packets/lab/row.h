// One row of the catalogue: a frame in, and everything that must come of it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/packets/lab/path_lab.h"

namespace flyover::test {

struct WantedFrame {
  unsigned port;
  // Any one of these: which backend a flow gets is the balancer's business.
  std::vector<Bytes> any_of;
  // The identification of our own IPv4 headers and the flow label of our IPv6 headers are free.
  bool own_header = false;
};

// Everything; what is not listed must not happen.
struct Want {
  std::vector<WantedFrame> sent;
  std::optional<Bytes> punted;
  std::optional<PuntReason> punt_reason;
  std::map<DropReason, uint64_t> drops;
};

struct Row {
  std::string name;    // of the test: letters, digits and underscores
  std::string clause;  // why it is so
  unsigned port;       // where it comes in
  Bytes in;
  Want want;
};

// --- What may be wanted.
Want Forwarded(unsigned port, const Bytes& frame);
Want Dropped(DropReason reason);
// Dropped, and this ICMP error of ours sent.
Want Refused(DropReason reason, unsigned port, const Bytes& error);
Want Punted(PuntReason reason, const Bytes& frame);
Want Balanced(std::vector<Bytes> any_of, bool own_header);

// --- What the frames are, computed without the product.
// The IP packet of an untagged frame, without padding.
Bytes L3Of(const Bytes& frame);
// `frame` after one hop: new Ethernet header, one TTL less, IPv4 checksum from scratch, no padding.
Bytes Routed(const Bytes& frame, const Eth& to);
// The same IP bytes in another Ethernet header.
Bytes Readdressed(const Bytes& frame, const Eth& to);
// `frame` without what an IP header of our own may hold at will: IPv4 identification, flow label.
Bytes WithoutFreeFields(Bytes frame);
// An error of ours about `offender`, to its source.
Bytes Icmp4Error(const Eth& to, const std::string& src, uint8_t type, uint8_t code, uint32_t rest,
                 const Bytes& offender);
Bytes Icmp6Error(const Eth& to, const std::string& src, uint8_t type, uint8_t code, uint32_t rest,
                 const Bytes& offender);

// Sends the row's frame in every form; the results must be as wanted, and the same. For rows that
// drop, a canary follows each.
void RunRow(PathLab& lab, const Row& row);

}  // namespace flyover::test
