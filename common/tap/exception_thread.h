// The exception thread carries frames between the lcores and the kernel's TAPs.
//
//   punt:   lcore -> punt ring -> written to the TAP of TapOf(frame); segments of
//   a TCP stream that arrive together are written as one (segment_merger.h) kernel: read from the
//   TAP of a port -> ring of the port's lcore -> leaves by that port unchanged
//
// Rings are single-producer single-consumer and carry rte_mbuf*. A frame of the kernel has
// mbuf.port = TapSource(port) (its source, for the ledger) and mbuf.hash.usr = the port's index
// (its egress).
//
// Lcores make no system calls, so nothing wakes this thread for a punt: it polls the rings,
// sleeping in between for 20 us after work and up to 500 us after a second of silence; a frame of
// the kernel wakes it at once. It spins never: on a small machine it shares its core with sshd and
// the control thread.
//
// Books: punted frames are taken over from the lcore's ledger and end as punted or
// tap_write_failed; the kernel's frames are entered here and end as handed over, rx_too_big or
// tap_ring_full (ledger.h). Without memory nothing is read: the frames wait in the kernel.
//
// Threads: Start, Stop, ReplaceTap and the destructor belong to the control thread. Counters may be
// read by any thread.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "common/base/strong_id.h"
#include "common/datapath/ledger.h"
#include "common/datapath/ledger_snapshot.h"
#include "common/datapath/wakeup.h"
#include "common/tap/segment_merger.h"
#include "common/tap/unique_fd.h"

namespace flyover {

// One TAP's traffic, seen from the data plane. One writer, the exception thread.
struct TapCounters {
  std::atomic<uint64_t> to_kernel_packets{0};
  std::atomic<uint64_t> to_kernel_bytes{0};
  std::atomic<uint64_t> to_kernel_writes{0};  // frames the kernel saw: joined segments are one
  std::atomic<uint64_t> to_kernel_errors{0};  // tap_write_failed
  std::atomic<uint64_t> from_kernel_packets{0};
  std::atomic<uint64_t> from_kernel_bytes{0};
  std::atomic<uint64_t> from_kernel_dropped{0};  // rx_too_big, tap_ring_full
};

struct ExceptionLcore {
  rte_ring* punt = nullptr;         // lcore -> exception thread
  rte_ring* from_kernel = nullptr;  // exception thread -> lcore
  Wakeup* wakeup = nullptr;         // of the lcore
};

struct ExceptionTap {
  PortIndex port;
  UniqueFd queue;    // of TapDevice::TakeQueue
  LcoreIndex lcore;  // whose ring takes what the kernel sends on it
};

class ExceptionThread {
 public:
  struct Options {
    std::vector<ExceptionLcore> lcores;  // by LcoreIndex
    rte_mempool* pool = nullptr;         // for frames of the kernel
    std::vector<unsigned> cpus;          // where it may run; empty: as the thread that starts it
  };
  ExceptionThread(Options options, std::vector<ExceptionTap> taps);
  ~ExceptionThread();
  ExceptionThread(const ExceptionThread&) = delete;
  ExceptionThread& operator=(const ExceptionThread&) = delete;

  Status Start();
  // REQUIRES: the lcores have stopped. Writes what waits in the punt rings to the TAPs, counts what
  // waits for the lcores as `shutdown`, and ends the thread. TAP queues are closed.
  void Stop();

  // Takes over a new queue of the port's TAP, after the device was made anew.
  void ReplaceTap(PortIndex port, UniqueFd queue);

  const TapCounters& counters(PortIndex port) const { return counters_[port.value()]; }
  LedgerSnapshot& snapshot() { return snapshot_; }
  // After Stop; the thread's books in their last state.
  const Ledger& ledger() const { return ledger_; }
  // Rounds of the loop in which there was no packet buffer to read a frame into.
  uint64_t starved() const { return starved_.load(std::memory_order_relaxed); }

 private:
  class FrameReader;
  struct Tap {
    UniqueFd queue;
    std::atomic<int> replacement{-1};
    uint8_t lcore = 0;
    bool present = false;
  };

  void Run();
  bool PollPunts();
  void WriteFrames(std::span<rte_mbuf* const> frames);
  void WriteFrame(rte_mbuf* m);
  // Those that the merger holds.
  void WriteMerged(std::span<rte_mbuf* const> frames);
  int QueueFor(const rte_mbuf* m) const;
  // Of frames with one source: takes them over and enters how their write ended.
  void Account(std::span<rte_mbuf* const> frames, bool written);
  bool PollTaps(int64_t wait_ns);
  bool ReadTap(unsigned port);  // false: nothing could be read
  void TakeReplacements();
  void Watch(unsigned port);
  void Drain();

  Options options_;
  std::array<Tap, kMaxPorts> taps_;
  std::array<TapCounters, kMaxPorts> counters_;
  UniqueFd epoll_;
  std::unique_ptr<FrameReader> reader_;
  SegmentMerger merger_;
  std::vector<uint8_t> flat_;  // for a frame of too many segments
  Ledger ledger_;
  HeldCounts held_{};  // always zero: nothing is kept between rounds
  LedgerSnapshot snapshot_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> replaced_{false};
  std::atomic<uint64_t> starved_{0};
  std::thread thread_;
};

}  // namespace flyover
