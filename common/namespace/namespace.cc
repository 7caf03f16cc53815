#include "common/namespace/namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>

namespace flyover {
namespace {

StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
      return StatusCode::kNotFound;
    case EACCES:
    case EPERM:
      return StatusCode::kPermissionDenied;
    case EINVAL:
      return StatusCode::kInvalidArgument;
    default:
      return StatusCode::kUnavailable;
  }
}

}  // namespace

std::string NamespacePath(const std::string& network_namespace) {
  if (network_namespace.empty()) return "/proc/thread-self/ns/net";
  if (network_namespace.find('/') != std::string::npos) return network_namespace;
  return "/run/netns/" + network_namespace;
}

Status EnterNamespace(const std::string& network_namespace) {
  if (network_namespace.empty()) return Status::Ok();
  const std::string path = NamespacePath(network_namespace);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    return ErrnoStatus(CodeOf(error), "network namespace " + path, error);
  }
  const int error = setns(fd, CLONE_NEWNET) == 0 ? 0 : errno;
  close(fd);
  if (error != 0) return ErrnoStatus(CodeOf(error), "enter network namespace " + path, error);
  return Status::Ok();
}

Status RunInNamespace(const std::string& network_namespace, const std::function<void()>& work) {
  if (network_namespace.empty()) {
    work();
    return Status::Ok();
  }
  Status status;
  try {
    // A thread of its own: the way back can fail.
    std::thread thread([&] {
      status = EnterNamespace(network_namespace);
      if (status.ok()) work();
    });
    thread.join();
  } catch (const std::system_error&) {
    return ErrnoStatus(CodeOf(EAGAIN),
                       "enter network namespace " + NamespacePath(network_namespace), EAGAIN);
  }
  return status;
}

}  // namespace flyover
