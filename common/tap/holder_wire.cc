#include "common/tap/holder_wire.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace flyover {
namespace {

Result<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Status(StatusCode::kInvalidArgument,
                  "socket path " + path + ": 1 to 107 characters are accepted");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

UniqueFd NewSocket() { return UniqueFd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)); }

}  // namespace

Result<UniqueFd> BindHolderSocket(const std::string& path) {
  const Result<sockaddr_un> address = AddressOf(path);
  if (!address.ok()) return address.status();
  UniqueFd fd = NewSocket();
  if (!fd.valid() ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(sockaddr_un)) != 0 ||
      listen(fd.get(), 8) != 0) {
    const int error = errno;
    return ErrnoStatus(
        error == EADDRINUSE ? StatusCode::kAlreadyExists : StatusCode::kFailedPrecondition,
        "socket " + path, error);
  }
  return fd;
}

Result<UniqueFd> ConnectHolderSocket(const std::string& path) {
  const Result<sockaddr_un> address = AddressOf(path);
  if (!address.ok()) return address.status();
  UniqueFd fd = NewSocket();
  if (!fd.valid()) return ErrnoStatus(StatusCode::kUnavailable, "socket", errno);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(sockaddr_un)) != 0) {
    const int error = errno;
    const bool nobody = error == ENOENT || error == ECONNREFUSED || error == ENOTDIR;
    return ErrnoStatus(nobody ? StatusCode::kNotFound : StatusCode::kUnavailable,
                       "connect to " + path, error);
  }
  return fd;
}

Status SendHolderMessage(int socket, const std::string& text, int fd) {
  if (text.empty() || text.size() > kHolderMessageBytes) {
    return {StatusCode::kInvalidArgument,
            "holder message of " + std::to_string(text.size()) + " bytes"};
  }
  iovec data{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  }
  if (sendmsg(socket, &message, MSG_NOSIGNAL) >= 0) return Status::Ok();
  return ErrnoStatus(StatusCode::kUnavailable, "send to holder", errno);
}

Result<HolderMessage> ReceiveHolderMessage(int socket) {
  std::vector<char> text(kHolderMessageBytes);
  iovec data{text.data(), text.size()};
  // Room for more descriptors than are wanted, so that none is left open unseen.
  alignas(cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t n = 0;
  do {
    n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return ErrnoStatus(StatusCode::kUnavailable, "receive", errno);
  HolderMessage result;
  unsigned fds = 0;
  for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i, ++fds) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
      result.fd = UniqueFd(fd);
    }
  }
  if (n == 0) return Status(StatusCode::kUnavailable, "the other side closed the connection");
  if (fds > 1 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return Status(StatusCode::kInvalidArgument, "message too long or with several descriptors");
  }
  result.text.assign(text.data(), static_cast<size_t>(n));
  return result;
}

}  // namespace flyover
