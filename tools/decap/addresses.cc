#include "tools/decap/addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace flyover::decap {
namespace {

constexpr size_t kMappedPrefix = 12;  // of ::ffff:a.b.c.d

DecapAddress FromIpv4(const in_addr& address) {
  DecapAddress out{};
  out.bytes[10] = 0xff;
  out.bytes[11] = 0xff;
  std::memcpy(&out.bytes[kMappedPrefix], &address, sizeof(address));
  return out;
}

DecapAddress FromIpv6(const in6_addr& address) {
  DecapAddress out{};
  std::memcpy(out.bytes, &address, sizeof(address));
  return out;
}

bool IsIpv4(const DecapAddress& address) {
  in6_addr in{};
  std::memcpy(&in, address.bytes, sizeof(in));
  return IN6_IS_ADDR_V4MAPPED(&in) != 0;
}

}  // namespace

Result<DecapAddress> ParseAddress(const std::string& text) {
  in_addr ipv4{};
  if (inet_pton(AF_INET, text.c_str(), &ipv4) == 1) return FromIpv4(ipv4);
  in6_addr ipv6{};
  if (inet_pton(AF_INET6, text.c_str(), &ipv6) == 1) return FromIpv6(ipv6);
  return Status(StatusCode::kInvalidArgument, "'" + text + "' is not an IPv4 or IPv6 address");
}

std::string FormatAddress(const DecapAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (IsIpv4(address)) {
    inet_ntop(AF_INET, &address.bytes[kMappedPrefix], text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, address.bytes, text, sizeof(text));
  }
  return text;
}

Result<std::vector<DecapAddress>> InterfaceAddresses(const std::string& interface) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return ErrnoStatus(StatusCode::kInternal, "getifaddrs", errno);
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);

  std::vector<DecapAddress> addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || interface != entry->ifa_name) continue;
    if (entry->ifa_addr->sa_family == AF_INET) {
      sockaddr_in in{};
      std::memcpy(&in, entry->ifa_addr, sizeof(in));
      if ((ntohl(in.sin_addr.s_addr) >> 24) != IN_LOOPBACKNET) {
        addresses.push_back(FromIpv4(in.sin_addr));
      }
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 in{};
      std::memcpy(&in, entry->ifa_addr, sizeof(in));
      if (!IN6_IS_ADDR_LINKLOCAL(&in.sin6_addr) && !IN6_IS_ADDR_LOOPBACK(&in.sin6_addr)) {
        addresses.push_back(FromIpv6(in.sin6_addr));
      }
    }
  }
  return addresses;
}

}  // namespace flyover::decap
