#include <rte_cycles.h>
#include <unistd.h>

#include <cstdio>

#include "tools/flyover_bench/subject.h"
#include "tools/flyover_bench/testbed.h"

namespace flyover {
namespace {

constexpr uint32_t kMbufsBeyondFrames = 8191;
constexpr uint32_t kMostFrames = 65'536;  // the pcap device keeps each in a packet buffer

class DeviceSubject : public Subject {
 public:
  DeviceSubject(const Load& load, unsigned milliseconds)
      : load_(load), ticks_(rte_get_tsc_hz() * milliseconds / 1000) {}

  Status Build(const Devices& devices, uint64_t seed) {
    static unsigned instance = 0;
    const std::string n = std::to_string(instance++);
    std::string in = devices.in;
    std::string file;
    if (in.empty()) {
      if (load_.flows > kMostFrames || load_.new_flows > 0 ||
          load_.choice != FlowChoice::kUniform) {
        return Status(StatusCode::kInvalidArgument,
                      load_.name + ": the pcap device holds up to " + std::to_string(kMostFrames) +
                          " frames, one after the other; accepted: such loads, or --in DEVICE");
      }
      if (load_.frame > kLongestFullFrame) {
        return Status(StatusCode::kInvalidArgument,
                      load_.name +
                          ": the pcap device gives no frames longer than 1514 bytes again "
                          "and again; accepted: shorter ones, or --in DEVICE");
      }
      // Written twice: prefixes are the testbed's, and it opens the file.
      file = "/tmp/flyover-bench-" + std::to_string(getpid()) + "-" + n + ".pcap";
      if (Status status = WritePcap(load_, seed, file); !status.ok()) return status;
      in = "net_pcap_bench" + n + ",rx_pcap=" + file + ",infinite_rx=1";
    }
    const std::string out = devices.out.empty() ? "net_null_bench" + n + ",no-rx=1" : devices.out;
    auto bed = Testbed::Create(load_, in, out, load_.flows + kMbufsBeyondFrames, seed);
    if (!file.empty()) std::remove(file.c_str());
    if (!bed.ok()) return bed.status();
    bed_ = std::move(*bed);
    const auto warm = Measure();
    return warm.ok() ? Status::Ok() : warm.status();
  }

  std::string name() const override { return load_.name; }

  Result<Sample> Measure() override {
    const uint64_t sent = bed_->received();
    const uint64_t arrived = bed_->transmitted();
    const uint64_t start = rte_rdtsc_precise();
    uint64_t end = start;
    while (end - start < ticks_) {
      for (int i = 0; i < 64; ++i) bed_->lcore().RunOnce();
      end = rte_rdtsc_precise();
    }
    const uint64_t packets = bed_->transmitted() - arrived;
    const std::string losses = bed_->Losses();
    if (!losses.empty()) {
      return Status(StatusCode::kFailedPrecondition,
                    load_.name + ": packets took another way than the one measured: " + losses);
    }
    if (packets == 0 || packets != bed_->received() - sent) {
      return Status(StatusCode::kFailedPrecondition,
                    load_.name + ": " + std::to_string(bed_->received() - sent) +
                        " packets were received, " + std::to_string(packets) + " transmitted");
    }
    return Sample{static_cast<double>(end - start) / static_cast<double>(packets), packets};
  }

 private:
  const Load load_;
  const uint64_t ticks_;
  std::unique_ptr<Testbed> bed_;
};

}  // namespace

Result<std::unique_ptr<Subject>> MakeDeviceSubject(const Load& load, const Devices& devices,
                                                   uint64_t seed, unsigned milliseconds) {
  auto subject = std::make_unique<DeviceSubject>(load, milliseconds);
  if (Status status = subject->Build(devices, seed); !status.ok()) return status;
  return std::unique_ptr<Subject>(std::move(subject));
}

}  // namespace flyover
