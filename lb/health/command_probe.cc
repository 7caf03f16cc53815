#include "lb/health/command_probe.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <vector>

#include "common/base/status.h"

namespace flyover::lb {
namespace {

constexpr rlim_t kMostMemory = rlim_t{512} << 20;
constexpr rlim_t kMostFiles = 64;
constexpr rlim_t kMostFileBytes = rlim_t{1} << 20;
constexpr size_t kMostReason = 120;
// A killed process is gone at once, unless it hangs in a call of the kernel: then it is left to
// whoever ends this process.
constexpr int kDeathMilliseconds = 100;

void Limit(pid_t pid, __rlimit_resource resource, rlim_t value) {
  const rlimit limit{value, value};
  prlimit(pid, resource, &limit, nullptr);
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// posix_spawn's two descriptions of what the child is like.
class ChildSetup {
 public:
  explicit ChildSetup(int output) {
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~ChildSetup() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  ChildSetup(const ChildSetup&) = delete;
  ChildSetup& operator=(const ChildSetup&) = delete;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

}  // namespace

CommandProbe::CommandProbe(const HealthTarget& target, Clock::time_point now)
    : timeout_(target.timeout), deadline_(now + target.timeout) {
  Start(target);
}

void CommandProbe::Start(const HealthTarget& target) {
  std::array<int, 2> pipe_ends{-1, -1};
  if (target.command.empty() || pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
    error_ = "the command cannot be started";
    return;
  }
  output_ = pipe_ends[0];
  fcntl(output_, F_SETFL, O_NONBLOCK);
  std::vector<std::string> arguments = target.command;
  std::vector<std::string> environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                          "FLYOVER_ADDRESS=" + target.address.ToString(),
                                          "FLYOVER_PORT=" + std::to_string(target.port)};
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(environment);
  const ChildSetup setup(pipe_ends[1]);
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, argv[0], &setup.files, &setup.attributes, argv.data(), envp.data());
  close(pipe_ends[1]);
  if (error != 0) {
    error_ = ErrnoStatus(StatusCode::kUnavailable, arguments[0], error).message();
    return;
  }
  pid_ = pid;
  Limit(pid, RLIMIT_AS, kMostMemory);
  Limit(pid, RLIMIT_NOFILE, kMostFiles);
  Limit(pid, RLIMIT_FSIZE, kMostFileBytes);
  Limit(pid, RLIMIT_CORE, 0);
  // glibc 2.36 declares its wrapper for C alone.
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

CommandProbe::~CommandProbe() {
  Kill();
  if (pidfd_ >= 0) close(pidfd_);
  if (output_ >= 0) close(output_);
}

void CommandProbe::Kill() {
  if (pid_ < 0) return;
  kill(-pid_, SIGKILL);
  kill(pid_, SIGKILL);  // before it has made its session
  pollfd end{pidfd_, POLLIN, 0};
  poll(&end, 1, kDeathMilliseconds);
  waitpid(pid_, nullptr, WNOHANG);
  pid_ = -1;
}

std::optional<ProbeResult> CommandProbe::Judge(Clock::time_point now) {
  if (pid_ < 0) return ProbeResult{false, error_};
  // Not reaped yet: so its number stays its own while its children are looked for.
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
  if (info.si_pid == 0) {
    if (now < deadline_) return std::nullopt;
    Kill();
    return ProbeResult{false, "no end in " + std::to_string(timeout_.count()) + " ms"};
  }
  const std::string line = FirstLine();
  Kill();
  if (info.si_code != CLD_EXITED) {
    return ProbeResult{false, "killed by signal " + std::to_string(info.si_status)};
  }
  const std::string exit = "exit " + std::to_string(info.si_status);
  return ProbeResult{info.si_status == 0, line.empty() ? exit : exit + ": " + line};
}

std::string CommandProbe::FirstLine() const {
  std::array<char, kMostReason> bytes{};
  const ssize_t n = read(output_, bytes.data(), bytes.size());
  std::string line(bytes.data(), n > 0 ? static_cast<size_t>(n) : 0);
  line.resize(std::min(line.find('\n'), line.size()));
  std::ranges::replace_if(
      line, [](char c) { return c < ' ' || c > '~'; }, '?');
  return line;
}

}  // namespace flyover::lb
