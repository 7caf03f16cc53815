#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "common/tap/unique_fd.h"
#include "tools/flyover_bench/subject.h"
#include "tools/flyover_bench/traffic.h"

namespace flyover {
namespace {

constexpr char kProgram[] = "/usr/bin/dpdk-testpmd";
constexpr char kLineBuffered[] = "/usr/bin/stdbuf";
constexpr char kPrompt[] = "testpmd> ";
constexpr char kReportEnd[] = "Done.";
constexpr int kAnswerMilliseconds = 20'000;

// The number behind `key` in `text`, from the end.
std::optional<double> NumberAfter(const std::string& text, const std::string& key) {
  const size_t at = text.rfind(key);
  if (at == std::string::npos) return std::nullopt;
  return std::strtod(text.c_str() + at + key.size(), nullptr);
}

class TestpmdSubject : public Subject {
 public:
  TestpmdSubject(std::string name, unsigned milliseconds)
      : name_(std::move(name)), milliseconds_(milliseconds) {}
  ~TestpmdSubject() override {
    if (child_ <= 0) return;
    to_ = UniqueFd();  // end of file ends it
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (waitpid(child_, nullptr, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > deadline) {
        kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
        return;
      }
      // Read what it says meanwhile: a full pipe would stop it.
      std::array<char, 4096> buffer;
      pollfd fd{.fd = from_.get(), .events = POLLIN, .revents = 0};
      if (poll(&fd, 1, 10) > 0) (void)!read(from_.get(), buffer.data(), buffer.size());
    }
  }

  Status Start(const std::vector<std::string>& arguments) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
      return ErrnoStatus(StatusCode::kUnavailable, "pipe", errno);
    }
    child_ = fork();
    if (child_ < 0) return ErrnoStatus(StatusCode::kUnavailable, "fork", errno);
    if (child_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      dup2(out[1], 2);
      std::vector<char*> argv;
      argv.reserve(arguments.size() + 1);
      for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
      argv.push_back(nullptr);
      execv(kLineBuffered, argv.data());
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    to_ = UniqueFd(in[1]);
    from_ = UniqueFd(out[0]);
    const auto text = ReadUntil(kPrompt);
    return text.ok() ? Status::Ok() : text.status();
  }

  std::string name() const override { return name_; }

  Result<Sample> Measure() override {
    if (Status status = Say("start\n"); !status.ok()) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds_));
    if (Status status = Say("stop\n"); !status.ok()) return status;
    // It prompts again after every line it echoes; only the end of its report says that it stands.
    const auto text = ReadUntil(kReportEnd);
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
  Status Say(const std::string& text) {
    if (write(to_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) {
      return Status::Ok();
    }
    return ErrnoStatus(StatusCode::kUnavailable, "writing to testpmd", errno);
  }

  Result<std::string> ReadUntil(const char* marker) {
    std::string text;
    std::array<char, 4096> buffer;
    while (text.find(marker) == std::string::npos) {
      pollfd fd{.fd = from_.get(), .events = POLLIN, .revents = 0};
      const int ready = poll(&fd, 1, kAnswerMilliseconds);
      const ssize_t n = ready > 0 ? read(from_.get(), buffer.data(), buffer.size()) : 0;
      if (n <= 0) return Status(StatusCode::kUnavailable, "testpmd does not answer:\n" + text);
      text.append(buffer.data(), static_cast<size_t>(n));
    }
    return text;
  }

  const std::string name_;
  const unsigned milliseconds_;
  pid_t child_ = -1;
  UniqueFd to_, from_;
};

}  // namespace

Result<std::unique_ptr<Subject>> MakeTestpmdSubject(const Load& load, unsigned cpu, bool hugepages,
                                                    uint64_t seed, unsigned milliseconds) {
  if (access(kProgram, X_OK) != 0) {
    return Status(StatusCode::kNotFound,
                  std::string(kProgram) + " is not there; to install it: apt-get install dpdk-dev");
  }
  const std::string pid = std::to_string(getpid());
  const std::string file = "/tmp/flyover-bench-" + pid + "-testpmd.pcap";
  std::mt19937_64 random(seed);
  Traffic traffic(load, BenchPrefixes(load.ipv6, load.routes, random), seed + 1);
  if (Status status = WritePcap(traffic, load.flows, file); !status.ok()) return status;
  // stdbuf: testpmd prints its report by stdio, which would keep it back from a pipe.
  std::vector<std::string> arguments = {kLineBuffered,
                                        "-oL",
                                        kProgram,
                                        "--no-pci",
                                        "--no-telemetry",
                                        "--log-level=*:error",
                                        "--file-prefix=testpmd" + pid,
                                        "--lcores=0@0,1@" + std::to_string(cpu),
                                        "--vdev=net_pcap0,rx_pcap=" + file + ",infinite_rx=1",
                                        "--vdev=net_null0,no-rx=1"};
  if (hugepages) {
    arguments.emplace_back("--in-memory");
  } else {
    for (const char* a : {"--no-huge", "--no-shconf", "-m", "192"}) arguments.emplace_back(a);
  }
  for (const char* a : {"--", "-i", "--forward-mode=io", "--port-topology=paired", "--burst=64",
                        "--record-core-cycles", "--no-flush-rx", "--rxd=1024", "--txd=1024"}) {
    arguments.emplace_back(a);
  }
  arguments.push_back("--total-num-mbufs=" + std::to_string(load.flows + 12'288));
  auto subject = std::make_unique<TestpmdSubject>("testpmd io", milliseconds);
  const Status status = subject->Start(arguments);
  std::remove(file.c_str());
  if (!status.ok()) return status;
  return std::unique_ptr<Subject>(std::move(subject));
}

}  // namespace flyover
