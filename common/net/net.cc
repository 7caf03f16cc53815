// Text forms of addresses and prefixes. inet_pton and inet_ntop do the parsing; what they let pass
// and we do not (leading zeros in prefix lengths, host bits) is refused here.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "common/net/ip_address.h"
#include "common/net/ip_prefix.h"
#include "common/net/mac_address.h"

namespace flyover {
namespace {

// inet_pton reads to the first NUL and would not see what follows.
bool HasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// Splits "ADDRESS/LENGTH". Decimal without sign or leading zero.
std::optional<std::pair<IpAddress, unsigned>> SplitCidr(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = IpAddress::Parse(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  if (!address || digits.empty() || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size() || length > address->bits()) {
    return std::nullopt;
  }
  return std::pair(*address, length);
}

}  // namespace

MacAddress LocalMacOf(std::string_view name) {
  const uint64_t hash = std::hash<std::string_view>()(name);
  MacAddress mac;
  std::memcpy(mac.bytes.data(), &hash, mac.bytes.size());
  mac.bytes[0] = 0x02;
  return mac;
}

std::optional<MacAddress> MacAddress::Parse(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  MacAddress mac;
  for (unsigned i = 0; i < 6; ++i) {
    const char* const pair = text.data() + size_t{3} * i;
    const auto [end, error] = std::from_chars(pair, pair + 2, mac.bytes[i], 16);
    if (error != std::errc() || end != pair + 2) return std::nullopt;
    if (i < 5 && pair[2] != ':') return std::nullopt;
  }
  return mac;
}

std::string MacAddress::ToString() const {
  char text[18];
  std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2],
                bytes[3], bytes[4], bytes[5]);
  return text;
}

std::optional<Ipv4Address> Ipv4Address::Parse(std::string_view text) {
  const std::string copy(text);
  uint32_t raw = 0;
  if (HasNul(text) || inet_pton(AF_INET, copy.c_str(), &raw) != 1) return std::nullopt;
  return Ipv4Address{SwapBytes(raw)};
}

std::string Ipv4Address::ToString() const {
  char text[INET_ADDRSTRLEN];
  const uint32_t raw = SwapBytes(value);
  inet_ntop(AF_INET, &raw, text, sizeof(text));
  return text;
}

std::optional<Ipv6Address> Ipv6Address::Parse(std::string_view text) {
  const std::string copy(text);
  Ipv6Address address;
  if (HasNul(text) || inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) != 1)
    return std::nullopt;
  return address;
}

std::string Ipv6Address::ToString() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, bytes.data(), text, sizeof(text));
  return text;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  if (const auto v4 = Ipv4Address::Parse(text)) return IpAddress(*v4);
  if (const auto v6 = Ipv6Address::Parse(text)) return IpAddress(*v6);
  return std::nullopt;
}

std::string IpAddress::ToString() const { return is_v4() ? v4().ToString() : v6().ToString(); }

IpAddress MaskAddress(const IpAddress& address, unsigned length) {
  if (address.is_v4()) {
    const uint32_t mask = length == 0 ? 0 : ~uint32_t{0} << (32 - length);
    return Ipv4Address{address.v4().value & mask};
  }
  Ipv6Address v6 = address.v6();
  const unsigned whole = length / 8;
  if (whole < 16) {
    v6.bytes[whole] = static_cast<uint8_t>(v6.bytes[whole] & (0xff00u >> (length % 8)));
    std::fill(v6.bytes.begin() + whole + 1, v6.bytes.end(), uint8_t{0});
  }
  return v6;
}

std::optional<IpPrefix> IpPrefix::Parse(std::string_view text) {
  const auto parts = SplitCidr(text);
  if (!parts || MaskAddress(parts->first, parts->second) != parts->first) return std::nullopt;
  return IpPrefix(parts->first, parts->second);
}

std::optional<IpPrefix> IpPrefix::ParseHostOrPrefix(std::string_view text) {
  if (text.find('/') != std::string_view::npos) return Parse(text);
  const auto address = IpAddress::Parse(text);
  if (!address) return std::nullopt;
  return Host(*address);
}

std::string IpPrefix::ToString() const {
  return address_.ToString() + "/" + std::to_string(length_);
}

std::optional<InterfaceAddress> InterfaceAddress::Parse(std::string_view text) {
  const auto parts = SplitCidr(text);
  if (!parts) return std::nullopt;
  return InterfaceAddress{parts->first, static_cast<uint8_t>(parts->second)};
}

std::string InterfaceAddress::ToString() const {
  return address.ToString() + "/" + std::to_string(length);
}

}  // namespace flyover
