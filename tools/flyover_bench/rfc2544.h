// The tests of RFC 2544 (and of RFC 5180 for IPv6, which asks for the same ones) with our own
// generator: a data plane of one lcore that runs its loop on one CPU, ring devices, and the
// generator on another CPU.
//
//   throughput (26.1)      the highest rate at which a trial loses nothing; beside it MLRsearch's
//                          rates without loss and with at most half a percent
//   latency (26.2)         at that rate, at half and at a tenth of it
//   frame loss (26.3)      at 100 %, 90 %, ... of what the generator can send
//   back-to-back (26.4)    the longest burst at that rate of which nothing is lost
//   recovery (26.5)        from 110 % of the throughput, after the rate has fallen to half
//
// RFC 2544 asks for trials of a minute and for twenty of some; ours are short and as many as
// Rfc2544Options says, since the machine below is shared and does not stay the same for an hour.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "tools/flyover_bench/histogram.h"
#include "tools/flyover_bench/load.h"
#include "tools/flyover_bench/rate_search.h"

namespace flyover {

struct Rfc2544Options {
  unsigned device_cpu = 0;
  unsigned generator_cpu = 0;
  uint64_t seed = 1;
  unsigned trial_milliseconds = 200;
  std::vector<uint16_t> frames;  // with FCS, as the RFC counts; what a load cannot be is left out
  const std::atomic<bool>* stop = nullptr;
  std::function<void(const std::string&)> progress;
};

struct FrameReport {
  uint16_t frame = 0;  // with FCS
  double offered = 0;  // the most that the generator sends, packets a second
  LoadBounds strict;   // RFC 2544 26.1
  LoadBounds no_loss;  // MLRsearch, none lost in more than half of 5 trials
  LoadBounds partial;  // the same with 0.5 %
  struct Delay {
    double share = 0;                    // of the throughput
    uint64_t p50 = 0, p99 = 0, max = 0;  // ticks
  };
  std::vector<Delay> latency;
  struct Loss {
    double share = 0;  // of `offered`
    double ratio = 0;
  };
  std::vector<Loss> loss;
  uint64_t back_to_back = 0;  // packets
  double recovery_us = 0;
};

struct Rfc2544Report {
  std::vector<FrameReport> frames;
  std::string disturbed;  // what happened to the machine meanwhile; "": nothing that was seen
  bool interrupted = false;
};

// The sizes of RFC 2544 9.1 for Ethernet.
std::vector<uint16_t> Rfc2544Frames();

// Errors: kInvalidArgument for what cannot be, kFailedPrecondition when packets leave by another
// way than the one meant, or the generator is slower than the device.
Result<Rfc2544Report> RunRfc2544(const Load& load, const Rfc2544Options& options);

}  // namespace flyover
