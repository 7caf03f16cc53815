// `flyover drain --box`: takes the box's VIPs out of routing, waits until packets to them have gone
// elsewhere, and ends the daemon if that was asked for. `flyover backend drain --wait`: waits until
// a drained backend has no packets any more.
#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/base/status.h"

namespace flyover {

struct DrainBox {
  std::chrono::seconds limit{60};
  bool stop = false;  // the daemon, once nothing comes any more
};

// Sends a command and gives the answer.
using CallDaemon = std::function<Result<nlohmann::json>(const std::string& command)>;

// Nothing comes any more: in each of two periods in a row less than a hundredth of what came in the
// busiest one since the start, and less than ten packets a second at most. Progress goes to `out`,
// a line a period. Errors: the daemon's; kFailedPrecondition when it announces no VIPs;
// kUnavailable when packets still come at the limit: the box stays drained, and is not stopped.
Status RunDrainBox(const DrainBox& options, const CallDaemon& call, std::ostream& out,
                   std::chrono::milliseconds period = std::chrono::seconds(1));

// Until a backend has sent on no packet for `quiet` periods in a row. A flow that is silent for
// longer goes unseen: nothing is remembered of a flow of a steady service. Errors: the daemon's;
// kNotFound; kUnavailable when packets still come at the limit.
struct WaitForBackend {
  std::string service;
  std::string backend;
  std::chrono::seconds limit{300};
  unsigned quiet = 10;
};
Status RunWaitForBackend(const WaitForBackend& options, const CallDaemon& call, std::ostream& out,
                         std::chrono::milliseconds period = std::chrono::seconds(1));

}  // namespace flyover
