// A probe that is not a libcurl transfer. Nothing blocks: its owner waits for its descriptor, among
// others, and asks Judge.
#pragma once

#include <chrono>
#include <optional>

#include "lb/health/probe_result.h"

namespace flyover::lb {

class PolledProbe {
 public:
  using Clock = std::chrono::steady_clock;

  PolledProbe() = default;
  virtual ~PolledProbe() = default;
  PolledProbe(const PolledProbe&) = delete;
  PolledProbe& operator=(const PolledProbe&) = delete;

  virtual int fd() const = 0;  // readable: ask Judge. -1: it could not begin, and Judge says why
  virtual Clock::time_point deadline() const = 0;
  // The result, once there is one: at the deadline at the latest.
  virtual std::optional<ProbeResult> Judge(Clock::time_point now) = 0;
};

}  // namespace flyover::lb
