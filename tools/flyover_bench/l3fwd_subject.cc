#include <rte_cycles.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "tools/flyover_bench/peer_process.h"
#include "tools/flyover_bench/peer_subject.h"
#include "tools/flyover_bench/telemetry.h"
#include "tools/flyover_bench/traffic.h"

namespace flyover {
namespace {

constexpr uint32_t kMostRoutes = 1024;  // l3fwd_lpm.c
constexpr uint32_t kMostFrames = 4096;  // of 8,192 packet buffers, the other half for its queues
constexpr unsigned kOut = 1;
constexpr char kEntered[] = "entering main loop";

std::string ProgramPath() {
  if (const char* const given = std::getenv("FLYOVER_L3FWD")) return given;
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  const char* const home = std::getenv("HOME");
  const std::string base = cache != nullptr  ? cache
                           : home != nullptr ? std::string(home) + "/.cache"
                                             : "/root/.cache";
  return base + "/flyover/peers/l3fwd";
}

// What must be there is written, whatever the load: l3fwd wants rules of both families.
Status WriteRules(const std::string& file, const std::vector<IpPrefix>& prefixes) {
  std::ofstream out(file);
  for (const IpPrefix& prefix : prefixes) {
    if (prefix.family() == IpFamily::kIpv4) {
      out << "R" << prefix.ToString() << " " << kOut << "\n";
      continue;
    }
    // Eight groups of four digits: its parser knows no "::".
    out << "R";
    for (unsigned group = 0; group < 8; ++group) {
      char text[8];
      std::snprintf(text, sizeof(text), "%s%04x", group == 0 ? "" : ":",
                    LoadBe16(prefix.address().data() + 2 * group));
      out << text;
    }
    out << "/" << prefix.length() << " " << kOut << "\n";
  }
  out.close();
  return out ? Status::Ok() : Status(StatusCode::kUnavailable, "cannot write " + file);
}

class L3fwdSubject : public Subject {
 public:
  explicit L3fwdSubject(unsigned milliseconds) : milliseconds_(milliseconds) {}
  ~L3fwdSubject() override {
    peer_.reset();
    // DPDK leaves it.
    std::error_code ignored;
    if (!prefix_.empty()) std::filesystem::remove_all("/var/run/dpdk/" + prefix_, ignored);
  }

  Status Start(const std::string& prefix, const std::vector<std::string>& arguments) {
    prefix_ = prefix;
    peer_.emplace("l3fwd");
    if (Status status = peer_->Start(arguments); !status.ok()) return status;
    const auto text = peer_->ReadUntil(kEntered);
    if (!text.ok()) return text.status();
    auto telemetry = Telemetry::Connect(prefix);
    if (!telemetry.ok()) return telemetry.status();
    telemetry_.emplace(std::move(*telemetry));
    peer_->Stop();
    return Status::Ok();
  }

  std::string name() const override { return "l3fwd lpm"; }

  Result<Sample> Measure() override {
    peer_->Continue();
    auto sample = MeasureRunning();
    peer_->Stop();
    return sample;
  }

 private:
  struct Reading {
    uint64_t tsc = 0;
    Telemetry::Counters in, out;
  };
  Result<Reading> Read() {
    const auto out = telemetry_->OfPort(kOut);
    const uint64_t tsc = rte_rdtsc();
    const auto in = telemetry_->OfPort(0);
    if (!out.ok()) return out.status();
    if (!in.ok()) return in.status();
    return Reading{tsc, *in, *out};
  }

  Result<Sample> MeasureRunning() {
    // Its first moments are the caches'.
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds_ / 10));
    const auto first = Read();
    if (!first.ok()) return first.status();
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds_));
    const auto last = Read();
    if (!last.ok()) return last.status();
    const uint64_t sent = last->out.transmitted - first->out.transmitted;
    const uint64_t received = last->in.received - first->in.received;
    // The two ports are read one after the other: some milliseconds lie between.
    const double share = static_cast<double>(sent) / static_cast<double>(received);
    if (sent == 0 || last->in.lost + last->out.lost != 0 || share < 0.9 || share > 1.1) {
      return Status(StatusCode::kFailedPrecondition, "l3fwd received " + std::to_string(received) +
                                                         " packets and transmitted " +
                                                         std::to_string(sent));
    }
    return Sample{static_cast<double>(last->tsc - first->tsc) / static_cast<double>(sent), sent};
  }

  const unsigned milliseconds_;
  std::string prefix_;
  std::optional<PeerProcess> peer_;
  std::optional<Telemetry> telemetry_;
};

}  // namespace

Result<std::unique_ptr<Subject>> MakeL3fwdSubject(const PeerOptions& options) {
  const Load& load = options.load;
  const auto refuse = [&](const std::string& why) {
    return Status(StatusCode::kInvalidArgument, load.name + ": " + why);
  };
  if (load.services > 0) return refuse("l3fwd has no services; accepted: loads that are routed");
  if (load.routes > kMostRoutes || load.next_hops > 1 || load.flows > kMostFrames) {
    return refuse("l3fwd holds " + std::to_string(kMostRoutes) + " routes of one next hop, and " +
                  std::to_string(kMostFrames) + " frames of the pcap device");
  }
  const std::string program = ProgramPath();
  if (access(program.c_str(), X_OK) != 0) {
    return Status(StatusCode::kNotFound,
                  program + " is not there; to build it: tools/bench-peers l3fwd");
  }
  std::mt19937_64 random(options.seed);
  const auto prefixes = BenchPrefixes(load.ipv6, load.routes, random);
  std::mt19937_64 other_random(options.seed);
  const auto other = BenchPrefixes(!load.ipv6, 1, other_random);
  const std::string name = "flyover-bench-" + std::to_string(getpid()) + "-l3fwd";
  const std::string base = "/tmp/" + name;
  const std::string pcap = base + ".pcap";
  Status status = WritePcap(load, options.seed, pcap);
  for (const bool ipv6 : {false, true}) {
    if (!status.ok()) break;
    status = WriteRules(base + (ipv6 ? "6" : "4"), ipv6 == load.ipv6 ? prefixes : other);
  }
  auto subject = std::make_unique<L3fwdSubject>(options.milliseconds);
  if (status.ok()) {
    std::vector<std::string> arguments = {program};
    // One lcore, which is the main one too: it asks each device for as many queues as there are.
    const std::string cpu = std::to_string(options.cpu);
    const auto eal = PeerEal(name, cpu + "@" + cpu, pcap, options.hugepages);
    arguments.insert(arguments.end(), eal.begin(), eal.end());
    arguments.emplace_back("--log-level=user1:info");  // that it has begun
    std::string config = "--config=(0,0,";
    config.append(cpu).append("),(1,0,").append(cpu).append(")");
    for (const std::string& a : {std::string("--"), std::string("-p"), std::string("0x3"), config,
                                 std::string("--lookup=lpm"), "--rule_ipv4=" + base + "4",
                                 "--rule_ipv6=" + base + "6", std::string("--parse-ptype")}) {
      arguments.push_back(a);
    }
    status = subject->Start(name, arguments);
  }
  for (const char* const suffix : {".pcap", "4", "6"}) std::remove((base + suffix).c_str());
  if (!status.ok()) return status;
  return std::unique_ptr<Subject>(std::move(subject));
}

}  // namespace flyover
