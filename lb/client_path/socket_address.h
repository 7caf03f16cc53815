// An address and port as the socket calls want it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <optional>

#include "common/net/ip_address.h"

namespace flyover::lb {

class SocketAddress {
 public:
  SocketAddress(const IpAddress& address, uint16_t port) {
    if (address.is_v4()) {
      auto& v4 = reinterpret_cast<sockaddr_in&>(storage_);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      std::memcpy(&v4.sin_addr, address.data(), 4);
      length_ = sizeof(v4);
    } else {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(storage_);
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      std::memcpy(&v6.sin6_addr, address.data(), 16);
      length_ = sizeof(v6);
    }
  }

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const { return length_; }

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

// The address in it, of IPv4 or IPv6.
inline std::optional<IpAddress> AddressIn(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    const auto& v4 = *reinterpret_cast<const sockaddr_in*>(address);
    return IpAddress(Ipv4Address{ntohl(v4.sin_addr.s_addr)});
  }
  if (address->sa_family == AF_INET6) {
    const auto& v6 = *reinterpret_cast<const sockaddr_in6*>(address);
    return IpAddress(Ipv6Address::FromBytes(&v6.sin6_addr));
  }
  return std::nullopt;
}

}  // namespace flyover::lb
