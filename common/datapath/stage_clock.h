// Where an lcore's cycles go: of one burst in so many the time of each stage is taken, by one
// reading of the TSC after each (about 28 ticks). Off by default; then a stage costs one test a
// burst. On, a loop in kOneIn is measured: below 0.1 tick a packet with full bursts.
//
// Threads: Begin, Lap and End are the lcore's; the control thread calls Enable and reads.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/datapath/relaxed_counter.h"

namespace flyover {

// In the order of docs/life_of_a_packet.md. kReceive is the device's driver and the source's stamp;
// kEthernetInput has the check of the buffer's shape too; kTransmit the buffers and the driver.
enum class Stage : uint8_t {
  kReceive,
  kPlainInput,
  kEthernetInput,
  kIpInput,
  kPlainBalance,
  kServiceLookup,
  kConnectionLookup,
  kBackendSelect,
  kEncap,
  kFibLookup,
  kPlainOutput,
  kTtlMtu,
  kAdjacencyRewrite,
  kTunnels,
  kHousekeeping,
  kTransmit,
};
inline constexpr size_t kStageCount = 16;
inline constexpr std::array<std::string_view, kStageCount> kStageNames = {
    "receive",        "plain_input",       "ethernet_input",    "ip_input", "plain_balance",
    "service_lookup", "connection_lookup", "backend_select",    "encap",    "fib_lookup",
    "plain_output",   "ttl_mtu",           "adjacency_rewrite", "tunnels",  "housekeeping",
    "transmit"};

class StageClock {
 public:
  static constexpr uint32_t kOneIn = 128;  // loops that move packets

  struct StageTime {
    RelaxedCounter cycles;
    RelaxedCounter packets;  // that came to the stage
  };

  void Enable(bool on) { enabled_.store(on, std::memory_order_relaxed); }
  bool enabled() const { return enabled_.load(std::memory_order_relaxed); }
  const StageTime& of(Stage stage) const { return times_[static_cast<size_t>(stage)]; }

  // A round of the loop begins, at `now`.
  void Begin(uint64_t now) {
    sampling_ = enabled() && until_next_ == 0;
    last_ = now;
  }
  // Since the last Lap (or Begin) `stage` worked on `packets`.
  void Lap(Stage stage, uint64_t packets) {
    if (__builtin_expect(sampling_, 0)) Take(stage, packets);
  }
  // The round moved packets: it counts towards the next sample.
  void End() {
    until_next_ = until_next_ == 0 ? kOneIn - 1 : until_next_ - 1;
    sampling_ = false;
  }

 private:
  void Take(Stage stage, uint64_t packets);

  std::atomic<bool> enabled_{false};
  bool sampling_ = false;
  uint32_t until_next_ = 0;
  uint64_t last_ = 0;  // TSC
  std::array<StageTime, kStageCount> times_;
};

}  // namespace flyover
