// The listening end of the control socket: who may open it, and whose file it is.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/base/status.h"
#include "common/control/control_server.h"

namespace flyover {

// A non-blocking listening socket and the file it made. At no moment is the file open to more than
// it should be: it is bound with mode 0600, given its group and mode, and only then listened on.
class ControlSocket {
 public:
  // `group` -1: mode 0600, otherwise 0660 with that group.
  static Result<ControlSocket> Listen(const std::string& path, gid_t group);
  ~ControlSocket();  // removes the file unless another process has replaced it
  ControlSocket(ControlSocket&&) noexcept;
  ControlSocket& operator=(ControlSocket&&) = delete;

  int fd() const { return fd_; }

 private:
  ControlSocket(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::string path_;
  dev_t device_ = 0;  // of the file, to know it again; 0 with inode_ 0: not ours yet
  ino_t inode_ = 0;
};

// kNotFound when the system has no such group. An empty name gives -1.
Result<gid_t> ResolveGroup(const std::string& name);

// Of the process at the other end of a connected UNIX socket, as it was when it connected.
std::optional<PeerCredentials> ReadPeerCredentials(int fd);

}  // namespace flyover
