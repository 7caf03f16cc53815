// Finds out by probing why clients' packets do not get an answer from a backend: whether it answers
// at all, opens the service's encapsulation, has the VIP, listens there, and lets clients send
// packets that fit into the tunnel.
//
// Threads: any one, in the network namespace of the TAPs; needs root. Takes some seconds where
// something is wrong.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/net/ip_address.h"
#include "lb/config/lb_config.h"

namespace flyover::lb {

struct Finding {
  enum class Kind : uint8_t { kGood, kNote, kFault };
  Kind kind = Kind::kGood;
  std::string text;  // of a fault: with what would mend it
};

// Of one service that has the backend.
struct Examination {
  std::string service;
  std::string backend;  // its name there
  std::string way;      // "ipip to 192.0.2.1"
  std::vector<Finding> findings;

  bool healthy() const;
};

// Every service of `config` with a backend of that address. Errors: kNotFound: no service has it;
// those of ClientPath::Open.
Result<std::vector<Examination>> ExamineBackend(
    const LbConfig& config, const IpAddress& backend,
    std::chrono::milliseconds timeout = std::chrono::seconds(1));

}  // namespace flyover::lb
