// A probe by a program of the operator's: exit code 0 is good, and the first line that it prints is
// the reason.
//
// It runs in a session of its own with /dev/null as input, no other descriptors, a short
// environment (PATH, FLYOVER_ADDRESS, FLYOVER_PORT), and limits: 512 MiB of address space, 64
// files, files of 1 MiB, no core dump, and the time limit, at which it is killed with all that it
// has started. What it prints beyond 64 KiB it waits with until then.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "lb/health/health_target.h"
#include "lb/health/polled_probe.h"

namespace flyover::lb {

class CommandProbe : public PolledProbe {
 public:
  // Starts it, in the calling thread's network namespace, without a copy of this process's memory:
  // a fork would make every lcore fault on what it writes next.
  CommandProbe(const HealthTarget& target, Clock::time_point now);
  ~CommandProbe() override;

  int fd() const override { return pidfd_; }
  Clock::time_point deadline() const override { return deadline_; }
  std::optional<ProbeResult> Judge(Clock::time_point now) override;

 private:
  void Start(const HealthTarget& target);
  // Ends the program and all of its session that did not leave its process group.
  void Kill();
  std::string FirstLine() const;

  const std::chrono::milliseconds timeout_;
  const Clock::time_point deadline_;
  pid_t pid_ = -1;  // not reaped yet
  int pidfd_ = -1;
  int output_ = -1;
  std::string error_;
};

}  // namespace flyover::lb
