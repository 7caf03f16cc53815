// Something that can be measured again and again, warm: a load at one level, or another program.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "tools/flyover_bench/latency.h"
#include "tools/flyover_bench/load.h"

namespace flyover {

struct Sample {
  double ticks = 0;  // TSC, per packet or per operation
  uint64_t packets = 0;
  std::string disturbed = {};  // why it cannot be used, where another CPU than the series' counts
};

class Subject {
 public:
  virtual ~Subject() = default;
  virtual std::string name() const = 0;
  // An error when what was measured is not what was meant: a packet that did not arrive, or took an
  // error's way. Such a figure is never shown.
  virtual Result<Sample> Measure() = 0;
  // What else happened in all measurements, for people; "" for nothing.
  virtual std::string remark() const { return ""; }
};

// The path level: packets from memory, through the very loop that an lcore runs, into memory.
//
//   traffic -> receive ring -> Lcore::RunOnce (all stages) -> transmit ring -> sink
//
// Only RunOnce is inside the clock. Packets are the same buffers again and again, with their
// headers written anew each round, so that nothing decays (TTL) and the caches see what a device
// would have brought.
Result<std::unique_ptr<Subject>> MakePathSubject(const Load& load, uint64_t seed, uint32_t bursts);

// The same with an lcore on each of `cpus` (the caller's first), which share tables and devices and
// have queues and traffic of their own. Ticks are those of all together: half of one lcore's when
// two have twice its throughput. Not for loads with churn.
Result<std::unique_ptr<Subject>> MakeLcoresSubject(const Load& load, uint64_t seed, uint32_t bursts,
                                                   const std::vector<unsigned>& cpus);

// Faults that `--self-test` plants into a path subject, each of which Measure must find.
enum class Fault : uint8_t { kNone, kSinkLoses, kErrorPath, kOneFlow };
Result<std::unique_ptr<Subject>> MakeFaultySubject(const Load& load, Fault fault);

// The path level for instrumentation: `bursts` bursts after warming, collected by valgrind's
// callgrind only inside RunOnce, and dumped under the load's name. Prints the packets.
Status CountInstructions(const Load& load, uint64_t seed, uint32_t bursts);

// The path level with sampled stages: name, cycles per packet, packets that came to it. Stages that
// nothing came to are left out.
struct StageCost {
  std::string_view name;
  double cycles = 0;
  uint64_t packets = 0;
};
Result<std::vector<StageCost>> MeasureStages(const Load& load, uint64_t seed, uint32_t bursts);

// The path level by an open-loop schedule (latency.h): the shortest interval without loss, and
// residence at 10, 50 and 90 % of that rate.
struct LatencyReport {
  double interval = 0;  // ticks
  struct Point {
    double share = 0;  // of the no-drop rate
    Latency latency;
  };
  std::vector<Point> points;
};
Result<LatencyReport> MeasureLatency(const Load& load, uint64_t seed, uint32_t bursts);

// What a whole data plane takes: see memory.cc.
Status MeasureMemory(uint64_t seed);

// The device level: DPDK's pcap device, which gives the frames of a file again and again, into its
// null device; or devices of the caller. All of RunOnce and of both drivers is inside the clock.
struct Devices {
  std::string in;   // empty: pcap
  std::string out;  // empty: null
};
Result<std::unique_ptr<Subject>> MakeDeviceSubject(const Load& load, const Devices& devices,
                                                   uint64_t seed, unsigned milliseconds);

// The kernels level: functions on arrays.
std::vector<std::string> KernelNames();
Result<std::unique_ptr<Subject>> MakeKernelSubject(const std::string& name, uint64_t seed);

}  // namespace flyover
