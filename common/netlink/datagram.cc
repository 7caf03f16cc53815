#include "common/netlink/datagram.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace flyover::netlink {

ssize_t ReceiveDatagram(int fd, std::span<uint8_t> into, std::chrono::milliseconds timeout,
                        int stop_fd) {
  for (;;) {
    sockaddr_nl sender{};
    socklen_t sender_length = sizeof(sender);
    const ssize_t n = recvfrom(fd, into.data(), into.size(), MSG_DONTWAIT | MSG_TRUNC,
                               reinterpret_cast<sockaddr*>(&sender), &sender_length);
    if (n >= 0) {
      // Another process may send to our port id; only the kernel's word counts.
      if (sender.nl_pid != 0) continue;
      if (static_cast<size_t>(n) > into.size()) {
        errno = ENOBUFS;  // cut short: as good as lost
        return -1;
      }
      return n;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN || timeout.count() == 0) return -1;
    std::array<pollfd, 2> wait{pollfd{fd, POLLIN, 0}, pollfd{stop_fd, POLLIN, 0}};
    const int ready = poll(wait.data(), wait.size(), static_cast<int>(timeout.count()));
    if (ready == 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    if (ready < 0 && errno != EINTR) return -1;
    if (ready > 0 && wait[1].revents != 0) {
      errno = ECANCELED;
      return -1;
    }
  }
}

}  // namespace flyover::netlink
