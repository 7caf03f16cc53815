// An address block in CIDR notation.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/ip_address.h"

namespace flyover {

// `address` with all bits behind the first `length` cleared.
IpAddress MaskAddress(const IpAddress& address, unsigned length);

class IpPrefix {
 public:
  IpPrefix() = default;
  // Host bits are cleared. REQUIRES: length <= address.bits().
  IpPrefix(const IpAddress& address, unsigned length)
      : address_(MaskAddress(address, length)), length_(static_cast<uint8_t>(length)) {}
  // The single address as /32 or /128.
  IpPrefix(const IpAddress& host)  // NOLINT(google-explicit-constructor)
      : IpPrefix(host, host.bits()) {}
  static IpPrefix Host(const IpAddress& a) { return {a, a.bits()}; }
  // "192.0.2.1" or "192.0.2.0/24".
  static std::optional<IpPrefix> ParseHostOrPrefix(std::string_view text);

  const IpAddress& address() const { return address_; }
  unsigned length() const { return length_; }
  IpFamily family() const { return address_.family(); }
  bool IsHost() const { return length_ == address_.bits(); }
  bool Contains(const IpAddress& a) const {
    return a.family() == family() && MaskAddress(a, length_) == address_;
  }
  bool Contains(const IpPrefix& p) const { return p.length_ >= length_ && Contains(p.address_); }

  auto operator<=>(const IpPrefix&) const = default;

  // "10.9.0.0/16". nullopt when malformed or when host bits are set: what was meant is then
  // unclear.
  static std::optional<IpPrefix> Parse(std::string_view text);
  std::string ToString() const;
  // Without the length where it is that of a single address.
  std::string ToHostOrPrefix() const { return IsHost() ? address_.ToString() : ToString(); }

 private:
  IpAddress address_;
  uint8_t length_ = 0;
};

// An address of an interface with the length of its subnet: host bits are kept ("192.0.2.2/30").
struct InterfaceAddress {
  IpAddress address;
  uint8_t length = 0;

  IpPrefix Subnet() const { return {address, length}; }
  auto operator<=>(const InterfaceAddress&) const = default;
  static std::optional<InterfaceAddress> Parse(std::string_view text);
  std::string ToString() const;
};

}  // namespace flyover

template <>
struct std::hash<flyover::IpPrefix> {
  size_t operator()(const flyover::IpPrefix& p) const noexcept {
    return std::hash<flyover::IpAddress>()(p.address()) * 131 + p.length();
  }
};
