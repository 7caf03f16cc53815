#include "tools/flyover_bench/peer_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

namespace flyover {
namespace {

// Programs print by stdio, which would keep it back from a pipe.
constexpr char kLineBuffered[] = "/usr/bin/stdbuf";
constexpr int kAnswerMilliseconds = 20'000;
constexpr std::chrono::seconds kEnd{5};

}  // namespace

PeerProcess::~PeerProcess() {
  if (child_ <= 0) return;
  Continue();
  to_ = UniqueFd();
  const auto begun = std::chrono::steady_clock::now();
  bool asked = false;
  while (waitpid(child_, nullptr, WNOHANG) == 0) {
    const auto waited = std::chrono::steady_clock::now() - begun;
    if (waited > kEnd) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
      return;
    }
    if (waited > kEnd / 5 && !std::exchange(asked, true)) kill(child_, SIGTERM);
    // Read what it says meanwhile: a full pipe would stop it.
    std::array<char, 4096> buffer;
    pollfd fd{.fd = from_.get(), .events = POLLIN, .revents = 0};
    if (poll(&fd, 1, 10) > 0) (void)!read(from_.get(), buffer.data(), buffer.size());
  }
}

Status PeerProcess::Start(const std::vector<std::string>& arguments) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
    return ErrnoStatus(StatusCode::kUnavailable, "pipe", errno);
  }
  std::vector<std::string> all = {kLineBuffered, "-oL"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(all.size() + 1);
  for (std::string& argument : all) argv.push_back(argument.data());
  argv.push_back(nullptr);
  child_ = fork();
  if (child_ < 0) return ErrnoStatus(StatusCode::kUnavailable, "fork", errno);
  if (child_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // it may stand still, and would do so for ever
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(out[1], 2);
    execv(kLineBuffered, argv.data());
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  to_ = UniqueFd(in[1]);
  from_ = UniqueFd(out[0]);
  return Status::Ok();
}

Status PeerProcess::Say(const std::string& text) {
  if (write(to_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) {
    return Status::Ok();
  }
  return ErrnoStatus(StatusCode::kUnavailable, "writing to " + name_, errno);
}

Result<std::string> PeerProcess::ReadUntil(const std::string& marker) {
  std::string text;
  std::array<char, 4096> buffer;
  while (text.find(marker) == std::string::npos) {
    pollfd fd{.fd = from_.get(), .events = POLLIN, .revents = 0};
    const int ready = poll(&fd, 1, kAnswerMilliseconds);
    const ssize_t n = ready > 0 ? read(from_.get(), buffer.data(), buffer.size()) : 0;
    if (n <= 0) {
      const size_t from = text.size() > 600 ? text.size() - 600 : 0;
      return Status(StatusCode::kUnavailable,
                    name_ + " does not answer; its last words:\n" + text.substr(from));
    }
    text.append(buffer.data(), static_cast<size_t>(n));
  }
  return text;
}

void PeerProcess::Continue() const { kill(child_, SIGCONT); }
void PeerProcess::Stop() const { kill(child_, SIGSTOP); }

std::vector<std::string> PeerEal(const std::string& prefix, const std::string& lcores,
                                 const std::string& pcap, bool hugepages) {
  std::vector<std::string> arguments = {"--no-pci",
                                        "--log-level=*:error",
                                        "--lcores=" + lcores,
                                        "--file-prefix=" + prefix,
                                        "--vdev=net_pcap0,rx_pcap=" + pcap + ",infinite_rx=1",
                                        "--vdev=net_null0,no-rx=1"};
  if (hugepages) {
    arguments.emplace_back("--in-memory");
  } else {
    for (const char* a : {"--no-huge", "--no-shconf", "-m", "192"}) arguments.emplace_back(a);
  }
  return arguments;
}

}  // namespace flyover
