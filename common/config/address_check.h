// Addresses that no host may have.
#pragma once

#include <string_view>

#include "common/net/ip_address.h"
#include "common/net/ip_prefix.h"

namespace flyover {

// "is a multicast address", ... ; an empty view when `address` may be that of a host or a VIP
// (RFC 1122 3.2.1.3, RFC 4291 2.4, 2.5).
std::string_view WhyNotUnicast(const IpAddress& address);

// The same for an address in its subnet: also the subnet's own and its broadcast address
// (RFC 1122 3.2.1.3; /31 has neither, RFC 3021). IPv6 knows no broadcast, and its subnet-router
// anycast address is left to the author.
std::string_view WhyNotInterfaceAddress(const InterfaceAddress& address);

}  // namespace flyover
