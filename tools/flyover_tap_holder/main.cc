// flyover-tap-holder: keeps TAP queues open while flyoverd is away
// (common/tap/tap_holder_client.h). Started by flyoverd; ends by `flyoverd --teardown`.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "common/tap/holder_server.h"

namespace {

constexpr char kUsage[] =
    "usage: flyover-tap-holder --socket PATH [--foreground]\n"
    "Keeps the TAP queues that flyoverd hands over open, so that the interfaces keep their\n"
    "carrier while flyoverd is restarted. Goes into the background once it listens.\n";

// Out of the caller's session, terminal and directory. True in the child; the parent gets the
// child's word through `ready` and exits with it.
bool Daemonize(int (&ready)[2]) {
  if (pipe2(ready, O_CLOEXEC) != 0) {
    std::perror("flyover-tap-holder: pipe");
    std::_Exit(1);
  }
  const pid_t pid = fork();
  if (pid < 0) {
    std::perror("flyover-tap-holder: fork");
    std::_Exit(1);
  }
  if (pid > 0) {
    close(ready[1]);
    char word = 0;
    const bool good = read(ready[0], &word, 1) == 1;
    std::_Exit(good ? 0 : 1);
  }
  close(ready[0]);
  setsid();
  if (chdir("/") != 0) std::_Exit(1);
  signal(SIGHUP, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  return true;
}

void CloseStandardStreams() {
  const int null = open("/dev/null", O_RDWR);
  if (null < 0) return;
  for (const int fd : {0, 1, 2}) dup2(null, fd);
  if (null > 2) close(null);
}

}  // namespace

int main(int argc, char** argv) {
  std::string socket_path;
  bool foreground = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--help") == 0) {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (std::strcmp(argv[i], "--foreground") == 0) {
      foreground = true;
    } else if (std::strcmp(argv[i], "--socket") == 0 && i + 1 < argc) {
      socket_path = argv[++i];
    } else {
      std::fputs(kUsage, stderr);
      return 2;
    }
  }
  if (socket_path.empty()) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  // A relative path would mean another file after chdir.
  if (socket_path[0] != '/') {
    std::fputs("flyover-tap-holder: --socket: an absolute path is accepted\n", stderr);
    return 2;
  }
  // The caller may hold devices open that must be closed when it dies.
  close_range(3, ~0U, 0);

  int ready[2] = {-1, -1};
  if (!foreground) Daemonize(ready);
  auto server = flyover::HolderServer::Listen(socket_path);
  if (!server.ok()) {
    std::fprintf(stderr, "flyover-tap-holder: %s\n", server.status().message().c_str());
    return 1;
  }
  if (!foreground) {
    CloseStandardStreams();
    if (write(ready[1], "r", 1) != 1) return 1;
    close(ready[1]);
  }
  return server->Run().ok() ? 0 : 1;
}
