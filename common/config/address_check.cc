#include "common/config/address_check.h"

#include <algorithm>

namespace flyover {
namespace {

std::string_view WhyNotUnicast4(uint32_t value) {
  if (value >> 24 == 0) return "lies in 0.0.0.0/8 (\"this network\")";
  if (value >> 24 == 127) return "is a loopback address";
  if (value >> 28 == 0xe) return "is a multicast address";
  if (value == 0xffffffff) return "is the broadcast address";
  if (value >> 28 == 0xf) return "lies in 240.0.0.0/4 (reserved)";
  return {};
}

std::string_view WhyNotUnicast6(const Ipv6Address& address) {
  const auto& bytes = address.bytes;
  const auto zeros = std::find_if(bytes.begin(), bytes.end(), [](uint8_t b) { return b != 0; });
  if (zeros == bytes.end()) return "is the unspecified address";
  if (zeros == bytes.end() - 1 && *zeros == 1) return "is the loopback address";
  if (address.IsMulticast()) return "is a multicast address";
  if (zeros == bytes.begin() + 10 && bytes[10] == 0xff && bytes[11] == 0xff) {
    return "is an IPv4-mapped address (write it as IPv4)";
  }
  return {};
}

}  // namespace

std::string_view WhyNotUnicast(const IpAddress& address) {
  return address.is_v4() ? WhyNotUnicast4(address.v4().value) : WhyNotUnicast6(address.v6());
}

std::string_view WhyNotInterfaceAddress(const InterfaceAddress& address) {
  const std::string_view why = WhyNotUnicast(address.address);
  if (!why.empty() || !address.address.is_v4()) return why;
  if (address.length == 0)
    return "has prefix length 0, which would be the whole Internet on one link";
  if (address.length >= 31) return {};
  const uint32_t host_mask = ~uint32_t{0} >> address.length;
  const uint32_t host = address.address.v4().value & host_mask;
  if (host == 0) return "is the address of the subnet itself";
  if (host == host_mask) return "is the broadcast address of its subnet";
  return {};
}

}  // namespace flyover
