#include "common/pci/device_host.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

namespace flyover {
namespace {

namespace fs = std::filesystem;

// One write(2): sysfs takes a command as a whole, and says what is wrong with it by errno.
Status WriteSysfs(const fs::path& file, const std::string& text) {
  const int fd = open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    return ErrnoStatus(error == EACCES || error == EPERM ? StatusCode::kPermissionDenied
                                                         : StatusCode::kUnavailable,
                       "open " + file.string(), error);
  }
  const ssize_t written = write(fd, text.data(), text.size());
  const int error = errno;
  close(fd);
  if (written == static_cast<ssize_t>(text.size())) return Status::Ok();
  return ErrnoStatus(StatusCode::kUnavailable, "write to " + file.string(), error);
}

Status LoadModule(const std::string& module) {
  const pid_t child = fork();
  if (child < 0) return ErrnoStatus(StatusCode::kUnavailable, "fork", errno);
  if (child == 0) {
    for (const char* program : {"/sbin/modprobe", "/usr/sbin/modprobe", "/bin/modprobe"}) {
      execl(program, program, module.c_str(), nullptr);
    }
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Status::Ok();
  return {StatusCode::kUnavailable,
          "`modprobe " + module + "` failed: is the module there for this kernel?"};
}

}  // namespace

DeviceHost ThisHost() {
  DeviceHost host;
  host.write = WriteSysfs;
  host.load_module = LoadModule;
  host.read_interface = ReadInterface;
  host.restore_interface = RestoreInterface;
  return host;
}

std::set<std::string> DefaultRouteInterfaces(const fs::path& proc) {
  std::set<std::string> interfaces;
  std::string line;
  std::ifstream ipv4(proc / "net" /
                     "route");  // Iface Destination Gateway Flags ... Mask in column 8
  while (std::getline(ipv4, line)) {
    std::istringstream words(line);
    std::string interface, destination, mask;
    words >> interface >> destination;
    for (int skipped = 0; skipped < 5; ++skipped) words >> mask;
    if (words >> mask && destination == "00000000" && mask == "00000000")
      interfaces.insert(interface);
  }
  std::ifstream ipv6(proc / "net" / "ipv6_route");  // destination, its length ... interface last
  while (std::getline(ipv6, line)) {
    std::istringstream words(line);
    std::string destination, length, word;
    words >> destination >> length;
    while (words >> word) {
    }
    // The kernel's own "unreachable default" stands on lo.
    if (length == "00" && destination.find_first_not_of('0') == std::string::npos && word != "lo") {
      interfaces.insert(word);
    }
  }
  return interfaces;
}

std::vector<std::string> UsersOf(const fs::path& proc, const std::set<std::string>& files) {
  std::vector<std::string> users;
  std::error_code error;
  for (fs::directory_iterator process(proc, error), end; !error && process != end;
       process.increment(error)) {
    const std::string pid = process->path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code unreadable;  // ended meanwhile, or another user's
    for (fs::directory_iterator fd(process->path() / "fd", unreadable); !unreadable && fd != end;
         fd.increment(unreadable)) {
      std::error_code gone;
      if (!files.contains(fs::read_symlink(fd->path(), gone).string())) continue;
      std::ifstream comm(process->path() / "comm");
      std::string name;
      std::getline(comm, name);
      name.append(" (").append(pid).append(")");
      users.push_back(std::move(name));
      break;
    }
  }
  return users;
}

}  // namespace flyover
