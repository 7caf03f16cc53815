#include "tools/decap/addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace flyover::decap {
namespace {

constexpr size_t kMappedPrefix = 12;  // bytes of ::ffff:a.b.c.d
constexpr uint32_t kBits = 128;
constexpr uint32_t kMappedBits = 8 * kMappedPrefix;

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

// REQUIRES: length <= 128.
DecapPrefix Masked(const DecapAddress& address, uint32_t length) {
  DecapPrefix prefix{length, address};
  for (uint32_t bit = length; bit < kBits; ++bit) {
    prefix.address.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80u >> bit % 8));
  }
  return prefix;
}

// Leading ones of a netmask.
template <size_t N>
uint32_t LengthOf(const uint8_t (&mask)[N]) {
  uint32_t length = 0;
  while (length < 8 * N && (mask[length / 8] & (0x80u >> length % 8)) != 0) ++length;
  return length;
}

}  // namespace

bool IsIpv4(const DecapAddress& address) {
  in6_addr in{};
  std::memcpy(&in, address.bytes, sizeof(in));
  return IN6_IS_ADDR_V4MAPPED(&in) != 0;
}

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

Result<DecapPrefix> ParsePrefix(const std::string& text) {
  const size_t slash = text.find('/');
  Result<DecapAddress> address = ParseAddress(text.substr(0, slash));
  if (!address.ok()) return address.status();
  if (slash == std::string::npos) return Masked(*address, kBits);
  const uint32_t before = IsIpv4(*address) ? kMappedBits : 0;
  uint32_t length = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + slash + 1, end, length);
  if (parsed.ec != std::errc() || parsed.ptr != end || length > kBits - before) {
    return Status(StatusCode::kInvalidArgument,
                  "'" + text + "' has no length from 0 to " + std::to_string(kBits - before));
  }
  return Masked(*address, before + length);
}

std::string FormatPrefix(const DecapPrefix& prefix) {
  std::string text = FormatAddress(prefix.address);
  if (prefix.length == kBits) return text;
  return text + "/" + std::to_string(prefix.length - (IsIpv4(prefix.address) ? kMappedBits : 0));
}

Result<std::vector<InterfaceAddress>> InterfaceAddresses(const std::string& interface) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return ErrnoStatus(StatusCode::kInternal, "getifaddrs", errno);
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);

  std::vector<InterfaceAddress> addresses;
  const auto add = [&](const DecapAddress& address, uint32_t length) {
    addresses.push_back({address, Masked(address, length)});
  };
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_netmask == nullptr) continue;
    if (interface != entry->ifa_name) continue;
    if (entry->ifa_addr->sa_family == AF_INET) {
      sockaddr_in in{};
      std::memcpy(&in, entry->ifa_addr, sizeof(in));
      if ((ntohl(in.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET) continue;
      const DecapAddress address = FromIpv4(in.sin_addr);
      std::memcpy(&in, entry->ifa_netmask, sizeof(in));
      uint8_t mask[sizeof(in.sin_addr)];
      std::memcpy(mask, &in.sin_addr, sizeof(mask));
      add(address, kMappedBits + LengthOf(mask));
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 in{};
      std::memcpy(&in, entry->ifa_addr, sizeof(in));
      if (IN6_IS_ADDR_LINKLOCAL(&in.sin6_addr) || IN6_IS_ADDR_LOOPBACK(&in.sin6_addr)) continue;
      const DecapAddress address = FromIpv6(in.sin6_addr);
      std::memcpy(&in, entry->ifa_netmask, sizeof(in));
      uint8_t mask[sizeof(in.sin6_addr)];
      std::memcpy(mask, &in.sin6_addr, sizeof(mask));
      add(address, LengthOf(mask));
    }
  }
  return addresses;
}

}  // namespace flyover::decap
