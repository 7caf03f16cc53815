// Whether this host is set up as a backend: what flyover-decap needs around it, and what silently
// loses clients' packets when it is missing. Facts are read from the kernel, then judged; the
// judgement is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "tools/decap/decap_shared.h"
#include "tools/decap/route_query.h"

namespace flyover::decap {

struct HostFacts {
  std::string interface;
  uint32_t mtu = 0;
  bool attached = false;  // flyover-decap is on the interface
  struct Vip {
    DecapPrefix prefix;
    bool local = false;  // the kernel takes packets to it (of a prefix: to its last host)
  };
  std::vector<Vip> vips;  // those that the program takes, or else those of lo
  // The way back to a client of either family; none: there is no route.
  std::optional<Route> back4;
  std::optional<Route> back6;
  int rp_filter = 0;   // the greater of `all` and the interface's: what the kernel goes by
  int arp_ignore = 0;  // likewise
};

enum class Verdict : uint8_t { kOk, kWarning, kFailure };

struct Finding {
  Verdict verdict = Verdict::kOk;
  std::string what;
  std::string remedy;  // a command, or empty
};

// In the order: program, VIPs, reverse path filter, ways back, MTU, ARP.
std::vector<Finding> Judge(const HostFacts& facts);

// `clients`: addresses that stand for clients, at most one of each family; by default documentation
// addresses, which follow the default route. Errors: kNotFound  no such interface
Result<HostFacts> Gather(const std::string& interface, const std::vector<DecapAddress>& clients);

}  // namespace flyover::decap
