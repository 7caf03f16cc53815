#include "common/dpdk/packet_sockets.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>

namespace flyover {
namespace {

bool IsPacketSocketOn(int fd, unsigned if_index) {
  int domain = 0;
  socklen_t length = sizeof(domain);
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 || domain != AF_PACKET) {
    return false;
  }
  sockaddr_ll address{};
  length = sizeof(address);
  return getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
         address.sll_ifindex == static_cast<int>(if_index);
}

}  // namespace

std::vector<int> PacketSocketsOn(unsigned if_index) {
  std::vector<int> sockets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const std::string name = entry.path().filename().string();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    if (fd >= 0 && IsPacketSocketOn(fd, if_index)) sockets.push_back(fd);
  }
  std::sort(sockets.begin(), sockets.end());
  return sockets;
}

}  // namespace flyover
