// DPDK's telemetry socket of another process: what its devices have counted.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/status.h"
#include "common/tap/unique_fd.h"

namespace flyover {

class Telemetry {
 public:
  // `prefix`: the process' --file-prefix.
  static Result<Telemetry> Connect(const std::string& prefix);

  struct Counters {
    uint64_t received = 0;
    uint64_t transmitted = 0;
    uint64_t lost = 0;  // rx missed, without a buffer, errors of both directions
  };
  // Errors: kUnavailable when it does not answer within two seconds.
  Result<Counters> OfPort(unsigned port);

 private:
  explicit Telemetry(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
};

}  // namespace flyover
