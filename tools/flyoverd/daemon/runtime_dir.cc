#include "tools/flyoverd/daemon/runtime_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

namespace flyover {

Result<RuntimeDir> RuntimeDir::Open(const std::string& runtime_dir, const std::string& name) {
  const std::string path = runtime_dir + "/" + name;
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return Status(StatusCode::kPermissionDenied, "making " + path + ": " + error.message());
  }
  const std::string lock_path = path + "/lock";
  UniqueFd lock(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.get() < 0) {
    return ErrnoStatus(StatusCode::kPermissionDenied, "opening " + lock_path, errno);
  }
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> pid{};
    const ssize_t n = read(lock.get(), pid.data(), pid.size() - 1);
    return Status(StatusCode::kAlreadyExists,
                  "a data plane named '" + name + "' runs already (pid " +
                      (n > 0 ? std::string(pid.data(), static_cast<size_t>(n)) : "unknown") +
                      "); accepted: another dataplane.name");
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(lock.get(), 0) != 0 ||
      write(lock.get(), pid.data(), pid.size()) != static_cast<ssize_t>(pid.size())) {
    return ErrnoStatus(StatusCode::kInternal, "writing " + lock_path, errno);
  }
  return RuntimeDir(path, std::move(lock));
}

}  // namespace flyover
