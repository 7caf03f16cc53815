// Requests to the kernel's rtnetlink, built in a bounded buffer.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/net/ip_prefix.h"
#include "common/netlink/message.h"

struct nlmsghdr;

namespace flyover::netlink {

// One request message. Copies are cheap enough for the control thread. Sequence number and the ACK
// flag are set when it is sent.
class Request {
 public:
  Request(uint16_t type, uint16_t flags);

  // The family header behind the message header; once, before any attribute.
  template <typename T>
  void PutFixed(const T& fixed) {
    PutFixedBytes(&fixed, sizeof(fixed));
  }
  void Put(uint16_t type, const void* data, size_t length);
  void PutU8(uint16_t type, uint8_t v) { Put(type, &v, sizeof(v)); }
  void PutU32(uint16_t type, uint32_t v) { Put(type, &v, sizeof(v)); }
  void PutAddress(uint16_t type, const IpAddress& a) { Put(type, a.data(), a.bits() / 8); }
  void PutText(uint16_t type, std::string_view text);  // with its terminating zero

  // A run of attributes inside an attribute; may be nested. EndNest takes what BeginNest gave.
  size_t BeginNest(uint16_t type);
  void EndNest(size_t nest);
  // An rtnexthop inside RTA_MULTIPATH; attributes that follow are its own until EndRouteNexthop.
  size_t BeginRouteNexthop(int if_index, uint16_t weight, uint8_t flags);
  void EndRouteNexthop(size_t nexthop);

  // False when the request did not fit: it must not be sent.
  bool complete() const { return complete_; }
  Bytes bytes() const { return buffer_; }
  uint16_t type() const;
  void Finish(uint32_t sequence, uint16_t extra_flags);

 private:
  void PutFixedBytes(const void* data, size_t length);
  void Append(const void* data, size_t length);  // padded to 4 bytes

  bool complete_ = true;
  std::vector<uint8_t> buffer_;
};

struct AddressSpec {
  int if_index = 0;
  InterfaceAddress address;
  uint32_t flags = 0;       // IFA_F_*
  uint8_t protocol = 0;     // IFA_PROTO; 0: none
  bool deprecated = false;  // preferred lifetime 0: never chosen as a source by itself
};

struct RouteSpec {
  IpPrefix destination;
  uint8_t type = 1;      // RTN_UNICAST
  uint32_t table = 254;  // main
  uint8_t protocol = 0;  // RTPROT_*
  uint32_t metric = 0;   // 0: the kernel's default
  uint32_t mtu = 0;      // 0: none
  std::vector<RouteNexthop> nexthops;
};

enum class RouteWrite : uint8_t {
  kAdd,      // refused (EEXIST) when the key is taken
  kReplace,  // takes the place of the route with the same key
  kAppend,   // stands beside it
};

// Families of addresses, neighbours and routes (AF_INET, AF_INET6), one dump each.
inline constexpr std::array<uint8_t, 2> kIpFamilies{AF_INET, AF_INET6};

// Dumps. Families are AF_*.
Request DumpLinks();
Request DumpAddresses(uint8_t family);
Request DumpNeighbors(uint8_t family);
Request DumpRoutes(uint8_t family);
// Of one table and protocol only, where the socket is strict and the kernel knows how (4.20);
// others send all. kNotFound: nobody has used the table.
Request DumpRoutesOf(uint8_t family, uint32_t table, uint8_t protocol);

Request AddAddress(const AddressSpec& spec);  // refused (EEXIST) when it is there
Request RemoveAddress(const AddressSpec& spec);
Request AddRoute(const RouteSpec& spec, RouteWrite write);
Request RemoveRoute(const RouteSpec& spec);
// Makes the kernel resolve a neighbour by itself, as a packet of its own would (NUD_NONE, NTF_USE).
// NUD_NONE and not `use` alone: only then the entry counts against gc_thresh3 and is collected.
Request ResolveNeighbor(int if_index, const IpAddress& address);
// NUD_PERMANENT, as `ip neigh replace`.
Request SetNeighbor(int if_index, const IpAddress& address, const MacAddress& mac);
Request RemoveNeighbor(int if_index, const IpAddress& address);
Request RemoveLink(int if_index);

}  // namespace flyover::netlink
