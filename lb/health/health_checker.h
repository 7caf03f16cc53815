// Probes backends from a thread of its own, in a network namespace of choice, and reports changes.
//
// A target is down after `fall` failed probes in a row, and up after `rise` good ones; the first
// verdict needs one good probe or `fall` bad ones. Probes of a target start at most `interval`
// apart (a tenth less now and then, so that probes of many targets do not fall into step), unless
// one takes longer than that. A server that dies is thus found down within
// fall x interval + timeout.
//
// A TCP probe is good when the connection is made. An HTTP probe is one GET, good when the response
// has the expected status; redirects are not followed, proxies of the environment are not used, and
// of the body 64 KiB are read.
//
// A target with a way is probed by ClientPath, as a client would reach it.
//
// Threads: every method may be called from any thread; events come from the checker's own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "lb/health/health_target.h"

namespace flyover::lb {

class HealthChecker {
 public:
  struct Options {
    std::string network_namespace;  // a name of /run/netns, or a path; empty: the caller's own
    uint64_t seed = 0;              // of the jitter
  };
  // Starts the thread. Errors: kNotFound, kPermissionDenied  the namespace; kInternal.
  static Result<std::unique_ptr<HealthChecker>> Start(const Options& options);
  // Ends probes and thread, without waiting for answers.
  ~HealthChecker();
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;

  // From now on exactly these are probed. A target that was there before keeps its state; a new one
  // begins as unknown, with its first probe within half a second. Duplicates count once.
  void SetTargets(std::vector<HealthTarget> targets);

  // Readable (poll) while TakeEvents has something to give. Belongs to the checker.
  int event_fd() const;
  // All changes since the last call, oldest first.
  std::vector<HealthEvent> TakeEvents();

 private:
  class Prober;
  struct Shared;
  explicit HealthChecker(std::unique_ptr<Shared> shared);

  std::unique_ptr<Shared> shared_;
};

}  // namespace flyover::lb
