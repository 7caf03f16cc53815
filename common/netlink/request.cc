#include "common/netlink/request.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

namespace flyover::netlink {
namespace {

// Room for a multipath route of 256 members; the kernel takes more in no attribute of 16-bit
// length.
constexpr size_t kMaxRequest = 16384;

uint8_t FamilyOf(const IpAddress& a) { return a.is_v4() ? AF_INET : AF_INET6; }

rtmsg RouteHeader(const RouteSpec& spec) {
  rtmsg header{};
  header.rtm_family = FamilyOf(spec.destination.address());
  header.rtm_dst_len = static_cast<uint8_t>(spec.destination.length());
  header.rtm_table = spec.table < 256 ? static_cast<uint8_t>(spec.table) : uint8_t{RT_TABLE_UNSPEC};
  header.rtm_protocol = spec.protocol;
  header.rtm_type = spec.type;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  if (spec.type == RTN_UNICAST && spec.nexthops.size() == 1 && !spec.nexthops[0].gateway) {
    header.rtm_scope = RT_SCOPE_LINK;
  }
  return header;
}

void PutGateway(Request& request, const RouteNexthop& nexthop, IpFamily family) {
  if (!nexthop.gateway) return;
  if (nexthop.gateway->family() == family) {
    request.PutAddress(RTA_GATEWAY, *nexthop.gateway);
    return;
  }
  std::array<uint8_t, 2 + 16> via{};
  StoreUnaligned<uint16_t>(via.data(), FamilyOf(*nexthop.gateway));
  std::memcpy(via.data() + 2, nexthop.gateway->data(), nexthop.gateway->bits() / 8);
  request.Put(RTA_VIA, via.data(), 2 + nexthop.gateway->bits() / 8);
}

void PutRoute(Request& request, const RouteSpec& spec) {
  const IpFamily family = spec.destination.family();
  if (spec.destination.length() != 0) request.PutAddress(RTA_DST, spec.destination.address());
  request.PutU32(RTA_TABLE, spec.table);
  if (spec.metric != 0) request.PutU32(RTA_PRIORITY, spec.metric);
  if (spec.mtu != 0) {
    const size_t metrics = request.BeginNest(RTA_METRICS);
    request.PutU32(RTAX_MTU, spec.mtu);
    request.EndNest(metrics);
  }
  if (spec.nexthops.size() == 1) {
    PutGateway(request, spec.nexthops[0], family);
    if (spec.nexthops[0].if_index != 0) {
      request.PutU32(RTA_OIF, static_cast<uint32_t>(spec.nexthops[0].if_index));
    }
  } else if (spec.nexthops.size() > 1) {
    const size_t multipath = request.BeginNest(RTA_MULTIPATH);
    for (const RouteNexthop& nexthop : spec.nexthops) {
      const size_t member =
          request.BeginRouteNexthop(nexthop.if_index, nexthop.weight, nexthop.flags);
      PutGateway(request, nexthop, family);
      request.EndRouteNexthop(member);
    }
    request.EndNest(multipath);
  }
}

void PutAddressSpec(Request& request, const AddressSpec& spec) {
  const IpAddress& address = spec.address.address;
  ifaddrmsg header{};
  header.ifa_family = FamilyOf(address);
  header.ifa_prefixlen = spec.address.length;
  header.ifa_flags = static_cast<uint8_t>(spec.flags);
  header.ifa_index = static_cast<uint32_t>(spec.if_index);
  request.PutFixed(header);
  request.PutAddress(IFA_LOCAL, address);
  request.PutAddress(IFA_ADDRESS, address);
}

Request Dump(uint16_t type) { return {type, NLM_F_DUMP}; }

Request NeighborRequest(uint16_t type, uint16_t flags, int if_index, const IpAddress& address,
                        uint16_t state, uint8_t neighbor_flags) {
  Request request(type, flags);
  ndmsg header{};
  header.ndm_family = FamilyOf(address);
  header.ndm_ifindex = if_index;
  header.ndm_state = state;
  header.ndm_flags = neighbor_flags;
  request.PutFixed(header);
  request.PutAddress(NDA_DST, address);
  return request;
}

}  // namespace

Request::Request(uint16_t type, uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  Append(&header, sizeof(header));
}

void Request::Append(const void* data, size_t length) {
  const size_t padded = MNL_ALIGN(length);
  if (buffer_.size() + padded > kMaxRequest) {
    complete_ = false;
    return;
  }
  const size_t at = buffer_.size();
  buffer_.resize(at + padded);
  if (length != 0) std::memcpy(buffer_.data() + at, data, length);
}

void Request::PutFixedBytes(const void* data, size_t length) { Append(data, length); }

void Request::Put(uint16_t type, const void* data, size_t length) {
  const nlattr header{static_cast<uint16_t>(sizeof(nlattr) + length), type};
  if (length > UINT16_MAX - sizeof(nlattr)) {
    complete_ = false;
    return;
  }
  Append(&header, sizeof(header));
  Append(data, length);
}

void Request::PutText(uint16_t type, std::string_view text) {
  const std::string terminated(text);
  Put(type, terminated.c_str(), terminated.size() + 1);
}

size_t Request::BeginNest(uint16_t type) {
  const size_t at = buffer_.size();
  const nlattr header{0, type};
  Append(&header, sizeof(header));
  return at;
}

void Request::EndNest(size_t nest) {
  if (!complete_) return;
  StoreUnaligned(buffer_.data() + nest, static_cast<uint16_t>(buffer_.size() - nest));
}

size_t Request::BeginRouteNexthop(int if_index, uint16_t weight, uint8_t flags) {
  const size_t at = buffer_.size();
  if (weight < 1 || weight > 256) complete_ = false;
  const rtnexthop header{0, flags, static_cast<uint8_t>(weight - 1), if_index};
  Append(&header, sizeof(header));
  return at;
}

void Request::EndRouteNexthop(size_t nexthop) { EndNest(nexthop); }

uint16_t Request::type() const {
  return LoadUnaligned<uint16_t>(buffer_.data() + offsetof(nlmsghdr, nlmsg_type));
}

void Request::Finish(uint32_t sequence, uint16_t extra_flags) {
  auto header = LoadUnaligned<nlmsghdr>(buffer_.data());
  header.nlmsg_len = static_cast<uint32_t>(buffer_.size());
  header.nlmsg_flags = static_cast<uint16_t>(header.nlmsg_flags | extra_flags);
  header.nlmsg_seq = sequence;
  StoreUnaligned(buffer_.data(), header);
}

Request DumpLinks() {
  Request request = Dump(RTM_GETLINK);
  request.PutFixed(ifinfomsg{});
  return request;
}

Request DumpAddresses(uint8_t family) {
  Request request = Dump(RTM_GETADDR);
  ifaddrmsg header{};
  header.ifa_family = family;
  request.PutFixed(header);
  return request;
}

Request DumpNeighbors(uint8_t family) {
  Request request = Dump(RTM_GETNEIGH);
  ndmsg header{};
  header.ndm_family = family;
  request.PutFixed(header);
  return request;
}

Request DumpRoutes(uint8_t family) {
  Request request = Dump(RTM_GETROUTE);
  rtmsg header{};
  header.rtm_family = family;
  request.PutFixed(header);
  return request;
}

Request DumpRoutesOf(uint8_t family, uint32_t table, uint8_t protocol) {
  Request request = Dump(RTM_GETROUTE);
  rtmsg header{};
  header.rtm_family = family;
  header.rtm_protocol = protocol;
  request.PutFixed(header);
  request.PutU32(RTA_TABLE, table);
  return request;
}

Request AddAddress(const AddressSpec& spec) {
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  PutAddressSpec(request, spec);
  const IpAddress& address = spec.address.address;
  if (address.is_v4() && spec.address.length < 31) {
    const uint32_t hosts = 0xffffffffu >> spec.address.length;
    request.PutAddress(IFA_BROADCAST, Ipv4Address{address.v4().value | hosts});
  }
  if (spec.flags != 0) request.PutU32(IFA_FLAGS, spec.flags);
  if (spec.protocol != 0) request.PutU8(IFA_PROTO, spec.protocol);
  if (spec.deprecated) {
    ifa_cacheinfo lifetime{};
    lifetime.ifa_prefered = 0;
    lifetime.ifa_valid = UINT32_MAX;  // for ever
    request.Put(IFA_CACHEINFO, &lifetime, sizeof(lifetime));
  }
  return request;
}

Request RemoveAddress(const AddressSpec& spec) {
  Request request(RTM_DELADDR, 0);
  PutAddressSpec(request, spec);
  return request;
}

Request AddRoute(const RouteSpec& spec, RouteWrite write) {
  uint16_t flags = NLM_F_CREATE;
  if (write == RouteWrite::kAdd) flags |= NLM_F_EXCL;
  if (write == RouteWrite::kReplace) flags |= NLM_F_REPLACE;
  if (write == RouteWrite::kAppend) flags |= NLM_F_APPEND;
  Request request(RTM_NEWROUTE, flags);
  request.PutFixed(RouteHeader(spec));
  PutRoute(request, spec);
  return request;
}

Request RemoveRoute(const RouteSpec& spec) {
  Request request(RTM_DELROUTE, 0);
  rtmsg header = RouteHeader(spec);
  // The scope of a route to be removed must be its own; NOWHERE matches any.
  header.rtm_scope = RT_SCOPE_NOWHERE;
  request.PutFixed(header);
  PutRoute(request, spec);
  return request;
}

Request ResolveNeighbor(int if_index, const IpAddress& address) {
  return NeighborRequest(RTM_NEWNEIGH, NLM_F_CREATE, if_index, address, NUD_NONE, NTF_USE);
}

Request SetNeighbor(int if_index, const IpAddress& address, const MacAddress& mac) {
  Request request = NeighborRequest(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, if_index, address,
                                    NUD_PERMANENT, 0);
  request.Put(NDA_LLADDR, mac.bytes.data(), mac.bytes.size());
  return request;
}

Request RemoveNeighbor(int if_index, const IpAddress& address) {
  return NeighborRequest(RTM_DELNEIGH, 0, if_index, address, 0, 0);
}

Request RemoveLink(int if_index) {
  Request request(RTM_DELLINK, 0);
  ifinfomsg header{};
  header.ifi_index = if_index;
  request.PutFixed(header);
  return request;
}

}  // namespace flyover::netlink
