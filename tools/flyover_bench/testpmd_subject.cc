#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tools/flyover_bench/peer_process.h"
#include "tools/flyover_bench/peer_subject.h"
#include "tools/flyover_bench/traffic.h"

namespace flyover {
namespace {

constexpr char kProgram[] = "/usr/bin/dpdk-testpmd";
constexpr char kPrompt[] = "testpmd> ";
constexpr char kReportEnd[] = "Done.";

// The number behind `key` in `text`, from the end.
std::optional<double> NumberAfter(const std::string& text, const std::string& key) {
  const size_t at = text.rfind(key);
  if (at == std::string::npos) return std::nullopt;
  return std::strtod(text.c_str() + at + key.size(), nullptr);
}

class TestpmdSubject : public Subject {
 public:
  explicit TestpmdSubject(unsigned milliseconds) : milliseconds_(milliseconds) {}

  Status Start(const std::vector<std::string>& arguments) {
    if (Status status = peer_.Start(arguments); !status.ok()) return status;
    const auto text = peer_.ReadUntil(kPrompt);
    return text.ok() ? Status::Ok() : text.status();
  }

  std::string name() const override { return "testpmd io"; }

  Result<Sample> Measure() override {
    if (Status status = peer_.Say("start\n"); !status.ok()) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds_));
    if (Status status = peer_.Say("stop\n"); !status.ok()) return status;
    // It prompts again after every line it echoes; only the end of its report says that it stands.
    const auto text = peer_.ReadUntil(kReportEnd);
    if (!text.ok()) return text.status();
    const size_t all = text->rfind("Accumulated forward statistics");
    const auto ticks = NumberAfter(*text, "CPU cycles/packet=");
    if (all == std::string::npos || !ticks) {
      return Status(StatusCode::kInternal, "testpmd gave no figure:\n" + *text);
    }
    const std::string totals = text->substr(all);
    const double received = NumberAfter(totals, "RX-packets: ").value_or(0);
    const double sent = NumberAfter(totals, "TX-packets: ").value_or(-1);
    const bool whole = received > 0 && sent == received;
    if (!whole) return Status(StatusCode::kFailedPrecondition, "testpmd lost packets:\n" + totals);
    return Sample{*ticks, static_cast<uint64_t>(received)};
  }

 private:
  const unsigned milliseconds_;
  PeerProcess peer_{"testpmd"};
};

}  // namespace

Result<std::unique_ptr<Subject>> MakeTestpmdSubject(const PeerOptions& options) {
  const Load& load = options.load;
  if (access(kProgram, X_OK) != 0) {
    return Status(StatusCode::kNotFound,
                  std::string(kProgram) + " is not there; to install it: apt-get install dpdk-dev");
  }
  const std::string pid = std::to_string(getpid());
  const std::string file = "/tmp/flyover-bench-" + pid + "-testpmd.pcap";
  if (Status status = WritePcap(load, options.seed, file); !status.ok()) return status;
  std::vector<std::string> arguments = {kProgram};
  const auto eal =
      PeerEal("testpmd" + pid, "0@0,1@" + std::to_string(options.cpu), file, options.hugepages);
  arguments.insert(arguments.end(), eal.begin(), eal.end());
  arguments.emplace_back("--no-telemetry");
  for (const char* a : {"--", "-i", "--forward-mode=io", "--port-topology=paired", "--burst=64",
                        "--record-core-cycles", "--no-flush-rx", "--rxd=1024", "--txd=1024"}) {
    arguments.emplace_back(a);
  }
  arguments.push_back("--total-num-mbufs=" + std::to_string(load.flows + 12'288));
  auto subject = std::make_unique<TestpmdSubject>(options.milliseconds);
  const Status status = subject->Start(arguments);
  std::remove(file.c_str());
  if (!status.ok()) return status;
  return std::unique_ptr<Subject>(std::move(subject));
}

}  // namespace flyover
