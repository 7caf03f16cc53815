#include "common/control/control_socket.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace flyover {
namespace {

constexpr int kBacklog = 128;

// Removes a socket file that nobody answers on; anything else that is there is left alone and
// refused.
Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return Status::Ok();
    return ErrnoStatus(StatusCode::kFailedPrecondition, "control socket " + path, errno);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return {StatusCode::kFailedPrecondition,
            "control socket " + path + ": a file of that name exists and is not a socket"};
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return ErrnoStatus(StatusCode::kResourceExhausted, "control socket", errno);
  const int rc = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = rc == 0 ? 0 : errno;
  close(fd);
  if (error == ENOENT) return Status::Ok();
  if (error != ECONNREFUSED) {  // EAGAIN, too, means that somebody listens
    return {StatusCode::kAlreadyExists,
            "control socket " + path +
                ": another daemon answers on it; stop it, or give this one another name"};
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return ErrnoStatus(StatusCode::kPermissionDenied, "remove stale control socket " + path, errno);
  }
  return Status::Ok();
}

}  // namespace

Result<ControlSocket> ControlSocket::Listen(const std::string& path, gid_t group) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Status(StatusCode::kInvalidArgument,
                  "control socket " + path + ": the path must have 1 to " +
                      std::to_string(sizeof(address.sun_path) - 1) + " characters");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (Status stale = RemoveStale(path, address); !stale.ok()) return stale;

  const auto failed = [&](const char* what) {
    return ErrnoStatus(StatusCode::kFailedPrecondition, "control socket " + path + ": " + what,
                       errno);
  };
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed("socket");
  ControlSocket result(fd, path);
  // Linux makes the file with the mode of the socket's inode, less the umask.
  if (fchmod(fd, 0600) != 0) return failed("fchmod");
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return failed("bind");
  }
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return failed("stat");
  result.device_ = info.st_dev;
  result.inode_ = info.st_ino;
  if (group != static_cast<gid_t>(-1) &&
      (lchown(path.c_str(), static_cast<uid_t>(-1), group) != 0 ||
       chmod(path.c_str(), 0660) != 0)) {
    return failed("give to its group");
  }
  if (listen(fd, kBacklog) != 0) return failed("listen");
  return result;
}

ControlSocket::ControlSocket(ControlSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      device_(other.device_),
      inode_(other.inode_) {}

ControlSocket::~ControlSocket() {
  if (fd_ < 0) return;
  struct stat info {};
  if (inode_ != 0 && lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ &&
      info.st_ino == inode_) {
    unlink(path_.c_str());
  }
  close(fd_);
}

Result<gid_t> ResolveGroup(const std::string& name) {
  if (name.empty()) return static_cast<gid_t>(-1);
  std::vector<char> buffer(65'536);
  group entry{};
  group* found = nullptr;
  getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return Status(
        StatusCode::kNotFound,
        "control group '" + name + "' does not exist; make it with: groupadd --system " + name);
  }
  return found->gr_gid;
}

std::optional<PeerCredentials> ReadPeerCredentials(int fd) {
  ucred credentials{};
  socklen_t length = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return std::nullopt;
  PeerCredentials peer{
      .uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid, .groups = {}};
  peer.groups.resize(64);
  length = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
  int rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &length);
  if (rc != 0 && errno == ERANGE) {
    peer.groups.resize(length / sizeof(gid_t));
    rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &length);
  }
  peer.groups.resize(rc == 0 ? length / sizeof(gid_t) : 0);
  return peer;
}

bool PeerAllowed(const PeerCredentials& peer, uid_t own_uid, gid_t group) {
  if (peer.uid == 0 || peer.uid == own_uid) return true;
  if (group == static_cast<gid_t>(-1)) return false;
  return peer.gid == group ||
         std::find(peer.groups.begin(), peer.groups.end(), group) != peer.groups.end();
}

}  // namespace flyover
