// Addresses as the eBPF program's maps want them.
#pragma once

#include <string>
#include <vector>

#include "common/base/status.h"
#include "tools/decap/decap_shared.h"

namespace flyover::decap {

// "10.2.0.11" or "2001:db8:2::11".
Result<DecapAddress> ParseAddress(const std::string& text);
std::string FormatAddress(const DecapAddress& address);

bool IsIpv4(const DecapAddress& address);

// An address, or "203.0.113.0/24": bits behind the length are cleared.
Result<DecapPrefix> ParsePrefix(const std::string& text);
// Without the length where it is that of a single address.
std::string FormatPrefix(const DecapPrefix& prefix);

// All IPv4 and IPv6 addresses of an interface of this network namespace with their subnets, without
// link-local IPv6 ones and without 127.0.0.0/8 and ::1: on `lo` these are the VIPs of a
// direct-server-return backend.
struct InterfaceAddress {
  DecapAddress address;
  DecapPrefix subnet;
};
Result<std::vector<InterfaceAddress>> InterfaceAddresses(const std::string& interface);

}  // namespace flyover::decap
