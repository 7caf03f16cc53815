// Messages of the kernel's rtnetlink as plain values (rtnetlink(7)). Parsers are pure functions
// over bytes: every length is checked, unknown attributes are ignored, and what is malformed or of
// another family gives nullopt.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/net/ip_prefix.h"
#include "common/net/mac_address.h"

namespace flyover::netlink {

// One whole netlink message, header included.
using Bytes = std::span<const uint8_t>;

// RTM_NEWLINK, RTM_DELLINK.
struct LinkMessage {
  bool removed = false;
  int if_index = 0;
  std::string name;
  std::string kind;    // IFLA_INFO_KIND: "tun", "veth"; empty for hardware
  uint32_t flags = 0;  // IFF_UP, IFF_LOWER_UP ...
  uint32_t mtu = 0;    // 0: not told
  int lower = 0;       // IFLA_LINK: the interface that this one is stacked on; 0: none
  std::optional<MacAddress> mac;

  bool admin_up() const;
  bool carrier() const;
};

// RTM_NEWADDR, RTM_DELADDR.
struct AddressMessage {
  bool removed = false;
  int if_index = 0;
  InterfaceAddress address;
  uint32_t flags = 0;    // IFA_F_*
  uint8_t scope = 0;     // RT_SCOPE_*
  uint8_t protocol = 0;  // IFA_PROTO; 0 before Linux 5.18
};

// RTM_NEWNEIGH, RTM_DELNEIGH of IPv4 and IPv6.
struct NeighborMessage {
  bool removed = false;
  int if_index = 0;
  IpAddress address;
  uint16_t state = 0;  // NUD_*
  uint8_t flags = 0;   // NTF_*
  std::optional<MacAddress> mac;
};

struct RouteNexthop {
  std::optional<IpAddress>
      gateway;                // of either family (RTA_VIA: an IPv4 route by an IPv6 neighbour)
  int if_index = 0;           // 0: none
  uint16_t weight = 1;        // 1 to 256
  uint8_t flags = 0;          // RTNH_F_DEAD, RTNH_F_LINKDOWN, RTNH_F_ONLINK
  bool encapsulated = false;  // has RTA_ENCAP (MPLS, SRv6 ...)
  bool operator==(const RouteNexthop&) const = default;
};

// RTM_NEWROUTE, RTM_DELROUTE of IPv4 and IPv6.
struct RouteMessage {
  bool removed = false;
  bool replace = false;  // NLM_F_REPLACE: takes the place of the first route with the same key
  bool append = false;   // NLM_F_APPEND: stands behind routes with the same key
  IpPrefix destination;
  bool has_source = false;  // RTA_SRC: only for packets from a certain source
  uint8_t tos = 0;
  uint32_t table = 0;
  uint8_t type = 0;      // RTN_*
  uint8_t protocol = 0;  // RTPROT_*
  uint32_t flags = 0;    // RTM_F_*
  uint32_t metric = 0;
  uint32_t mtu = 0;         // of RTA_METRICS; 0: none
  uint32_t nexthop_id = 0;  // RTA_NH_ID; 0: none
  std::vector<RouteNexthop> nexthops;
};

// RTM_NEWNEXTHOP, RTM_DELNEXTHOP.
struct NexthopMessage {
  bool removed = false;
  bool replace = false;
  uint32_t id = 0;
};

// RTM_NEWNETCONF, RTM_DELNETCONF: some sysctl of an interface changed.
struct NetconfMessage {
  int if_index = 0;  // below 0: `all` or `default`
};

// nlmsg_type of a message; 0 when it is shorter than its own header says.
uint16_t MessageType(Bytes message);

std::optional<LinkMessage> ParseLink(Bytes message);
std::optional<AddressMessage> ParseAddress(Bytes message);
std::optional<NeighborMessage> ParseNeighbor(Bytes message);
std::optional<RouteMessage> ParseRoute(Bytes message);
std::optional<NexthopMessage> ParseNexthop(Bytes message);
std::optional<NetconfMessage> ParseNetconf(Bytes message);

}  // namespace flyover::netlink
