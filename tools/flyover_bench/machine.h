// The machine under the benchmark: what it is, and whether it stayed the same while it was
// measured.
#pragma once

#include <cstdint>
#include <string>

namespace flyover {

std::string CpuModel();
std::string KernelRelease();

// Ticks of two loops that never change: additions in registers, and loads that depend on each other
// in 256 KiB. When they take longer than a moment ago, the machine has become slower, not the path.
struct Calibration {
  double arithmetic = 0;
  double chase = 0;
};
Calibration Calibrate();

// Taken before and after a sample on the same CPU: was this thread alone?
class Disturbance {
 public:
  explicit Disturbance(unsigned cpu);
  // Why the sample cannot be used, in words; empty: it can.
  std::string Verdict() const;
  // The same of the hypervisor alone: on a CPU that other processes have to run on as well.
  std::string Steal() const;

 private:
  double Seconds() const;

  unsigned cpu_;
  Calibration before_;
  uint64_t steal_;
  int64_t preempted_;
  uint64_t start_;
};

}  // namespace flyover
