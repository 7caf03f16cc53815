// The data plane's own folder, <runtime_dir>/<name>, and the lock that keeps a second daemon of the
// same name out.
#pragma once

#include <string>

#include "common/base/status.h"
#include "common/tap/unique_fd.h"

namespace flyover {

class RuntimeDir {
 public:
  // Makes the folder (mode 0755: the control socket inside has a mode of its own) and takes the
  // lock, which the kernel gives back when the process ends, however it ends. Errors:
  // kAlreadyExists, naming the process that holds the lock; kPermissionDenied.
  static Result<RuntimeDir> Open(const std::string& runtime_dir, const std::string& name);

  const std::string& path() const { return path_; }
  std::string HolderSocket() const { return path_ + "/holder.sock"; }

 private:
  RuntimeDir(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  UniqueFd lock_;
};

}  // namespace flyover
