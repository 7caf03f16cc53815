// Our own packet generator and sink: one thread that sends by a schedule into a device's receive
// ring, takes what the device transmits, and knows of each packet when it was due.
//
// Open loop: packets are due at fixed times whether or not the device keeps up. One that finds no
// room in the receive ring is lost, as at a NIC. A stall of the device is seen by all packets that
// were due in it.
//
// Threads: one, on a CPU of its own. The device under test runs on another.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <functional>
#include <memory>

#include "common/base/status.h"
#include "tools/flyover_bench/histogram.h"
#include "tools/flyover_bench/traffic.h"

namespace flyover {

struct RunResult {
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t lost = 0;       // without room in the receive ring, or not back in time
  uint64_t last_loss = 0;  // TSC of the last packet that found no room; 0: none
  Histogram latency;       // ticks from when a packet was due until it was back
};

class Generator {
 public:
  // The rings of the device under test: it receives from `to`, transmits into `from`.
  static Result<std::unique_ptr<Generator>> Create(rte_ring* to, rte_ring* from);
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // `count` packets at `rate` a second; `drain`: and waits until they are back, otherwise what is
  // on its way is counted by the next run. kFailedPrecondition: the generator was so much behind
  // its schedule that the result says more of it than of the device.
  Result<RunResult> Run(Traffic& traffic, double rate, uint64_t count, bool drain = true);
  // `count` packets in a row as fast as they can be written; loss only.
  Result<RunResult> Burst(Traffic& traffic, uint64_t count);
  // The rate that Burst reaches, packets a second.
  Result<double> FastestRate(Traffic& traffic);

 private:
  Generator(rte_ring* to, rte_ring* from) : to_(to), from_(from) {}
  // Writes and sends up to `count` packets that were due at `due`, `step` ticks apart.
  void Send(Traffic& traffic, unsigned count, double due, double step, RunResult& result);
  unsigned Receive(RunResult& result);
  // Until everything that was taken is back, or a tenth of a second is over.
  void Drain(RunResult& result);

  rte_ring* const to_;
  rte_ring* const from_;
  rte_mempool* pool_ = nullptr;
  int stamp_ = -1;  // offset of the dynamic field: when the packet was due, TSC
};

}  // namespace flyover
