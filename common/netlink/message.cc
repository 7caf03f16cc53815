#include "common/netlink/message.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

namespace flyover::netlink {
namespace {

// The payloads of a run of attributes by type; the last one of a type wins, as in the kernel.
class Attributes {
 public:
  explicit Attributes(Bytes bytes) {
    while (bytes.size() >= sizeof(nlattr)) {
      const auto header = LoadUnaligned<nlattr>(bytes.data());
      if (header.nla_len < sizeof(nlattr) || header.nla_len > bytes.size()) {
        malformed_ = true;
        return;
      }
      const unsigned type = header.nla_type & NLA_TYPE_MASK;
      if (type < kTypes) {
        at_[type] = bytes.subspan(sizeof(nlattr), header.nla_len - sizeof(nlattr));
      }
      bytes = bytes.subspan(std::min<size_t>(MNL_ALIGN(header.nla_len), bytes.size()));
    }
  }

  bool malformed() const { return malformed_; }
  bool has(unsigned type) const { return at_[type].data() != nullptr; }
  Bytes bytes(unsigned type) const { return at_[type]; }
  // Absent or too short: `otherwise`.
  template <typename T>
  T number(unsigned type, T otherwise) const {
    return at_[type].size() >= sizeof(T) ? LoadUnaligned<T>(at_[type].data()) : otherwise;
  }
  std::string text(unsigned type) const {
    const Bytes b = at_[type];
    const auto* p = reinterpret_cast<const char*>(b.data());
    return b.empty() ? std::string() : std::string(p, strnlen(p, b.size()));
  }
  std::optional<MacAddress> mac(unsigned type) const {
    if (at_[type].size() != 6) return std::nullopt;
    MacAddress mac;
    std::memcpy(mac.bytes.data(), at_[type].data(), 6);
    return mac;
  }
  std::optional<IpAddress> address(unsigned type, uint8_t family) const;

 private:
  static constexpr size_t kTypes = 64;  // none of those that are read here is beyond
  std::array<Bytes, kTypes> at_{};
  bool malformed_ = false;
};

std::optional<IpAddress> AddressFrom(Bytes bytes, unsigned family) {
  if (family == AF_INET && bytes.size() == 4) return IpAddress(Ipv4Address{LoadBe32(bytes.data())});
  if (family == AF_INET6 && bytes.size() == 16)
    return IpAddress(Ipv6Address::FromBytes(bytes.data()));
  return std::nullopt;
}

std::optional<IpAddress> Attributes::address(unsigned type, uint8_t family) const {
  return AddressFrom(at_[type], family);
}

// The message cut to its own length, with room for `fixed` bytes behind its header; else empty.
Bytes Whole(Bytes message, size_t fixed) {
  if (message.size() < sizeof(nlmsghdr)) return {};
  const auto header = LoadUnaligned<nlmsghdr>(message.data());
  if (header.nlmsg_len < NLMSG_HDRLEN + fixed || header.nlmsg_len > message.size()) return {};
  return message.subspan(0, header.nlmsg_len);
}

template <typename Fixed>
Bytes AttributeBytes(Bytes whole) {
  const size_t offset = NLMSG_HDRLEN + MNL_ALIGN(sizeof(Fixed));
  return whole.size() > offset ? whole.subspan(offset) : Bytes{};
}

template <typename Fixed>
Fixed FixedPart(Bytes whole) {
  return LoadUnaligned<Fixed>(whole.data() + NLMSG_HDRLEN);
}

uint16_t TypeOf(Bytes whole) { return LoadUnaligned<nlmsghdr>(whole.data()).nlmsg_type; }
uint16_t FlagsOf(Bytes whole) { return LoadUnaligned<nlmsghdr>(whole.data()).nlmsg_flags; }

// RTA_GATEWAY, or RTA_VIA where the gateway is of the other family.
std::optional<IpAddress> Gateway(const Attributes& attributes, uint8_t family) {
  if (const auto gateway = attributes.address(RTA_GATEWAY, family)) return gateway;
  const Bytes via = attributes.bytes(RTA_VIA);
  if (via.size() <= sizeof(rtvia)) return std::nullopt;
  return AddressFrom(via.subspan(sizeof(rtvia)), LoadUnaligned<uint16_t>(via.data()));
}

// A gateway that is there but cannot be read must not turn into an on-link route.
bool GatewayUnreadable(const Attributes& attributes, const RouteNexthop& nexthop) {
  return !nexthop.gateway && (attributes.has(RTA_GATEWAY) || attributes.has(RTA_VIA));
}

bool ParseMultipath(Bytes bytes, uint8_t family, std::vector<RouteNexthop>& out) {
  while (!bytes.empty()) {
    if (bytes.size() < sizeof(rtnexthop)) return false;
    const auto header = LoadUnaligned<rtnexthop>(bytes.data());
    if (header.rtnh_len < sizeof(rtnexthop) || header.rtnh_len > bytes.size()) return false;
    const Attributes attributes(
        bytes.subspan(sizeof(rtnexthop), header.rtnh_len - sizeof(rtnexthop)));
    RouteNexthop nexthop;
    nexthop.gateway = Gateway(attributes, family);
    nexthop.if_index = header.rtnh_ifindex;
    nexthop.weight = static_cast<uint16_t>(header.rtnh_hops + 1);
    nexthop.flags = header.rtnh_flags;
    nexthop.encapsulated = attributes.has(RTA_ENCAP);
    if (attributes.malformed() || GatewayUnreadable(attributes, nexthop)) return false;
    out.push_back(nexthop);
    bytes = bytes.subspan(std::min<size_t>(RTNH_ALIGN(header.rtnh_len), bytes.size()));
  }
  return !out.empty();
}

}  // namespace

bool LinkMessage::admin_up() const { return (flags & IFF_UP) != 0; }
bool LinkMessage::carrier() const { return (flags & IFF_LOWER_UP) != 0; }

uint16_t MessageType(Bytes message) {
  const Bytes whole = Whole(message, 0);
  return whole.empty() ? uint16_t{0} : TypeOf(whole);
}

std::optional<LinkMessage> ParseLink(Bytes message) {
  const Bytes whole = Whole(message, sizeof(ifinfomsg));
  if (whole.empty() || (TypeOf(whole) != RTM_NEWLINK && TypeOf(whole) != RTM_DELLINK))
    return std::nullopt;
  const auto fixed = FixedPart<ifinfomsg>(whole);
  // Bridges tell of their ports in messages of the same type.
  if (fixed.ifi_family != AF_UNSPEC) return std::nullopt;
  const Attributes attributes(AttributeBytes<ifinfomsg>(whole));
  if (attributes.malformed()) return std::nullopt;
  LinkMessage link;
  link.removed = TypeOf(whole) == RTM_DELLINK;
  link.if_index = fixed.ifi_index;
  link.flags = fixed.ifi_flags;
  link.name = attributes.text(IFLA_IFNAME);
  link.mtu = attributes.number<uint32_t>(IFLA_MTU, 0);
  link.mac = attributes.mac(IFLA_ADDRESS);
  link.lower = attributes.number<int>(IFLA_LINK, 0);
  link.kind = Attributes(attributes.bytes(IFLA_LINKINFO)).text(IFLA_INFO_KIND);
  return link;
}

std::optional<AddressMessage> ParseAddress(Bytes message) {
  const Bytes whole = Whole(message, sizeof(ifaddrmsg));
  if (whole.empty() || (TypeOf(whole) != RTM_NEWADDR && TypeOf(whole) != RTM_DELADDR))
    return std::nullopt;
  const auto fixed = FixedPart<ifaddrmsg>(whole);
  const Attributes attributes(AttributeBytes<ifaddrmsg>(whole));
  if (attributes.malformed()) return std::nullopt;
  // Point to point: IFA_ADDRESS is the peer's and IFA_LOCAL ours. IPv6 often has IFA_ADDRESS only.
  auto address = attributes.address(IFA_LOCAL, fixed.ifa_family);
  if (!address) address = attributes.address(IFA_ADDRESS, fixed.ifa_family);
  if (!address || fixed.ifa_prefixlen > address->bits()) return std::nullopt;
  AddressMessage result;
  result.removed = TypeOf(whole) == RTM_DELADDR;
  result.if_index = static_cast<int>(fixed.ifa_index);
  result.address = {*address, fixed.ifa_prefixlen};
  result.flags = attributes.number<uint32_t>(IFA_FLAGS, fixed.ifa_flags);
  result.scope = fixed.ifa_scope;
  result.protocol = attributes.number<uint8_t>(IFA_PROTO, 0);
  return result;
}

std::optional<NeighborMessage> ParseNeighbor(Bytes message) {
  const Bytes whole = Whole(message, sizeof(ndmsg));
  if (whole.empty() || (TypeOf(whole) != RTM_NEWNEIGH && TypeOf(whole) != RTM_DELNEIGH))
    return std::nullopt;
  const auto fixed = FixedPart<ndmsg>(whole);
  const Attributes attributes(AttributeBytes<ndmsg>(whole));
  const auto address = attributes.address(NDA_DST, fixed.ndm_family);
  if (attributes.malformed() || !address) return std::nullopt;
  NeighborMessage neighbor;
  neighbor.removed = TypeOf(whole) == RTM_DELNEIGH;
  neighbor.if_index = fixed.ndm_ifindex;
  neighbor.address = *address;
  neighbor.state = fixed.ndm_state;
  neighbor.flags = fixed.ndm_flags;
  neighbor.mac = attributes.mac(NDA_LLADDR);
  return neighbor;
}

std::optional<RouteMessage> ParseRoute(Bytes message) {
  const Bytes whole = Whole(message, sizeof(rtmsg));
  if (whole.empty() || (TypeOf(whole) != RTM_NEWROUTE && TypeOf(whole) != RTM_DELROUTE))
    return std::nullopt;
  const auto fixed = FixedPart<rtmsg>(whole);
  if (fixed.rtm_family != AF_INET && fixed.rtm_family != AF_INET6) return std::nullopt;
  const Attributes attributes(AttributeBytes<rtmsg>(whole));
  if (attributes.malformed()) return std::nullopt;

  auto destination = attributes.address(RTA_DST, fixed.rtm_family);
  if (!destination) {
    if (attributes.has(RTA_DST) || fixed.rtm_dst_len != 0) return std::nullopt;
    destination = fixed.rtm_family == AF_INET ? IpAddress(Ipv4Address{}) : IpAddress(Ipv6Address{});
  }
  if (fixed.rtm_dst_len > destination->bits()) return std::nullopt;

  RouteMessage route;
  route.removed = TypeOf(whole) == RTM_DELROUTE;
  route.replace = (FlagsOf(whole) & NLM_F_REPLACE) != 0;
  route.append = (FlagsOf(whole) & NLM_F_APPEND) != 0;
  route.destination = IpPrefix(*destination, fixed.rtm_dst_len);
  route.has_source = fixed.rtm_src_len != 0;
  route.tos = fixed.rtm_tos;
  route.table = attributes.number<uint32_t>(RTA_TABLE, fixed.rtm_table);
  route.type = fixed.rtm_type;
  route.protocol = fixed.rtm_protocol;
  route.flags = fixed.rtm_flags;
  route.metric = attributes.number<uint32_t>(RTA_PRIORITY, 0);
  route.nexthop_id = attributes.number<uint32_t>(RTA_NH_ID, 0);
  if (attributes.has(RTA_METRICS)) {
    const Attributes metrics(attributes.bytes(RTA_METRICS));
    if (metrics.malformed()) return std::nullopt;
    route.mtu = metrics.number<uint32_t>(RTAX_MTU, 0);
  }
  if (attributes.has(RTA_MULTIPATH)) {
    if (!ParseMultipath(attributes.bytes(RTA_MULTIPATH), fixed.rtm_family, route.nexthops))
      return std::nullopt;
    return route;
  }
  RouteNexthop nexthop;
  nexthop.gateway = Gateway(attributes, fixed.rtm_family);
  if (GatewayUnreadable(attributes, nexthop)) return std::nullopt;
  nexthop.if_index = attributes.number<int32_t>(RTA_OIF, 0);
  nexthop.flags = static_cast<uint8_t>(fixed.rtm_flags & 0xff);
  nexthop.encapsulated = attributes.has(RTA_ENCAP);
  if (nexthop.gateway || nexthop.if_index != 0) route.nexthops.push_back(nexthop);
  return route;
}

std::optional<NexthopMessage> ParseNexthop(Bytes message) {
  const Bytes whole = Whole(message, sizeof(nhmsg));
  if (whole.empty() || (TypeOf(whole) != RTM_NEWNEXTHOP && TypeOf(whole) != RTM_DELNEXTHOP))
    return std::nullopt;
  const Attributes attributes(AttributeBytes<nhmsg>(whole));
  if (attributes.malformed()) return std::nullopt;
  NexthopMessage nexthop;
  nexthop.removed = TypeOf(whole) == RTM_DELNEXTHOP;
  nexthop.replace = (FlagsOf(whole) & NLM_F_REPLACE) != 0;
  nexthop.id = attributes.number<uint32_t>(NHA_ID, 0);
  return nexthop;
}

std::optional<NetconfMessage> ParseNetconf(Bytes message) {
  const Bytes whole = Whole(message, sizeof(netconfmsg));
  if (whole.empty() || (TypeOf(whole) != RTM_NEWNETCONF && TypeOf(whole) != RTM_DELNETCONF))
    return std::nullopt;
  const Attributes attributes(AttributeBytes<netconfmsg>(whole));
  if (attributes.malformed()) return std::nullopt;
  return NetconfMessage{attributes.number<int32_t>(NETCONFA_IFINDEX, 0)};
}

}  // namespace flyover::netlink
