// Why a packet left the path other than by a port. One table each: the enum, the metric label, the
// help text of `flyover show` and docs/counters.md come from the same row. Renaming a label breaks
// dashboards.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace flyover {

// X(enumerator, label, help)
#define FLYOVER_DROP_REASONS(X)                                                                   \
  X(kRxTooBig, "rx_too_big", "frame longer than the port's MTU allows")                           \
  X(kTruncated, "truncated", "frame ends inside its Ethernet or VLAN header")                     \
  X(kTunnelLoop, "tunnel_loop", "the way to a tunnel's other end leads into a tunnel again")      \
  X(kTunnelEcn, "tunnel_ecn", "tunnel packet marked congested around one without ECN (RFC 6040)") \
  X(kVlanUnknown, "vlan_unknown", "802.1Q tag with an id that no port takes")                     \
  X(kNotForUs, "not_for_us", "unicast destination MAC is not the port's")                         \
  X(kBadSourceMac, "bad_source_mac", "source MAC is a group address, or our own (a loop)")        \
  X(kUnknownEtherType, "unknown_ethertype", "neither IPv4, IPv6, ARP nor a control protocol")     \
  X(kBadArp, "bad_arp", "ARP that is truncated or not IPv4 over Ethernet (RFC 826)")              \
  X(kNoMemory, "no_memory", "no packet buffer left for a copy or an answer")                      \
  X(kIpv4Truncated, "ipv4_truncated", "shorter than an IPv4 header (RFC 1812 5.2.2 (1))")         \
  X(kIpv4BadChecksum, "ipv4_bad_checksum", "header checksum is wrong (RFC 1812 5.2.2 (2))")       \
  X(kIpv4BadVersion, "ipv4_bad_version", "version field is not 4 (RFC 1812 5.2.2 (3))")           \
  X(kIpv4BadIhl, "ipv4_bad_ihl",                                                                  \
    "header length below 20 bytes or beyond the packet (RFC 1812 5.2.2 (4))")                     \
  X(kIpv4BadLength, "ipv4_bad_length",                                                            \
    "total length below the header or beyond the packet (RFC 1812 5.2.2 (5))")                    \
  X(kIpv4SourceRoute, "ipv4_source_route", "loose or strict source route option (RFC 7126)")      \
  X(kIpv4BadOption, "ipv4_bad_option", "malformed IPv4 option")                                   \
  X(kFragmentTooLong, "fragment_too_long", "fragment would end beyond 65,535 bytes")              \
  X(kMartianSource, "martian_source", "source address that must not appear (RFC 1812 5.3.7)")     \
  X(kMartianDestination, "martian_destination",                                                   \
    "destination address that must not be forwarded (RFC 1812 5.3.7)")                            \
  X(kUrpf, "urpf", "no route back to the source by the port it came in by (`urpf`, RFC 3704)")    \
  X(kL2BroadcastUnicastIp, "l2_bcast_unicast_ip",                                                 \
    "unicast IP in a broadcast or multicast frame (RFC 1812 5.3.4)")                              \
  X(kIpBroadcast, "ip_broadcast",                                                                 \
    "limited or directed broadcast is not forwarded (RFC 1812 5.3.5)")                            \
  X(kMulticast, "multicast", "multicast that no control protocol of this box wants")              \
  X(kIpv6Truncated, "ipv6_truncated", "shorter than an IPv6 header (RFC 8200 3)")                 \
  X(kIpv6BadVersion, "ipv6_bad_version", "version field is not 6 (RFC 8200 3)")                   \
  X(kIpv6BadLength, "ipv6_bad_length", "payload length beyond the packet (RFC 8200 3)")           \
  X(kIpv6BadExtension, "ipv6_bad_extension", "extension header ends beyond the packet")           \
  X(kIpv6RoutingHeader0, "ipv6_routing_header_0",                                                 \
    "routing header of type 0, with segments left, to this box or a VIP (RFC 5095)")              \
  X(kIpv6LinkLocal, "ipv6_link_local", "link-local address would cross links (RFC 4291 2.5.6)")   \
  X(kNoRoute, "no_route", "no route to the destination")                                          \
  X(kBlackhole, "blackhole", "blackhole route")                                                   \
  X(kUnreachableRoute, "unreachable_route", "unreachable route")                                  \
  X(kProhibited, "prohibited", "prohibit route")                                                  \
  X(kHostUnreachable, "host_unreachable", "the neighbour did not answer ARP or ND")               \
  X(kVrfLoop, "vrf_loop", "leaked from one VRF into another that leaks it again")                 \
  X(kVrfLocal, "vrf_local", "leaked to an address that this box has in another VRF")              \
  X(kTtlExpired, "ttl_expired", "TTL or hop limit ran out in transit (RFC 1812 5.3.1)")           \
  X(kMtuExceeded, "mtu_exceeded", "longer than the MTU of the outgoing link")                     \
  X(kHoldFull, "hold_full", "replaced by a later packet while its neighbour was being resolved")  \
  X(kHoldExpired, "hold_expired", "neighbour resolution took too long")                           \
  X(kPortDown, "port_down", "outgoing port is down")                                              \
  X(kTxFull, "tx_full", "the device took fewer packets than the burst held")                      \
  X(kHandoffFull, "handoff_full", "ring to another lcore is full")                                \
  X(kPuntPoliced, "punt_policed", "over the rate of its punt class")                              \
  X(kPuntRingFull, "punt_ring_full", "ring to the exception thread is full")                      \
  X(kTapWriteFailed, "tap_write_failed", "the kernel did not take the frame from the TAP")        \
  X(kTapRingFull, "tap_ring_full", "frame of the kernel found the ring to its lcore full")        \
  X(kVipNoBackend, "vip_no_backend", "service has no backend that may take new flows")            \
  X(kVipUnknownPort, "vip_unknown_port", "VIP address, but no service on this protocol and port") \
  X(kVipFragment, "vip_fragment", "fragment to a VIP whose first one did not come")               \
  X(kVipTruncated, "vip_truncated", "packet to a VIP without its whole TCP or UDP header")        \
  X(kVipLand, "vip_land", "source and destination of a packet to a VIP are the same")             \
  X(kVipIcmpNoFlow, "vip_icmp_no_flow", "ICMP error to a VIP that quotes none of its flows")      \
  X(kVipIcmpMalformed, "vip_icmp_malformed",                                                      \
    "ICMP to a VIP that is truncated or has a bad checksum")                                      \
  X(kL2dsrNotOnLink, "l2dsr_not_on_link",                                                         \
    "backend of an L2-DSR service is not on a connected link")                                    \
  X(kShutdown, "shutdown", "was buffered when the daemon stopped")

enum class DropReason : uint8_t {
#define X(name, label, help) name,
  FLYOVER_DROP_REASONS(X)
#undef X
      kCount,
};
inline constexpr size_t kDropReasonCount = static_cast<size_t>(DropReason::kCount);

// Classes are policed separately before the ring to the exception thread, so that a flood of one
// cannot drown the others. Order is priority: lower goes first. X(enumerator, label, help, default
// packets per second)
#define FLYOVER_PUNT_CLASSES(X)                                                      \
  X(kLink, "link", "ARP, neighbour discovery, LLDP, LACP", 20'000)                   \
  X(kRouting, "routing", "BGP, OSPF, IS-IS, RIP, VRRP, BFD, IGMP, MLD, PIM", 50'000) \
  X(kManagement, "management", "ssh (TCP port 22)", 400'000)                         \
  X(kOther, "other", "all else for the box's own addresses", 400'000)

enum class PuntClass : uint8_t {
#define X(name, label, help, rate) name,
  FLYOVER_PUNT_CLASSES(X)
#undef X
      kCount,
};
inline constexpr size_t kPuntClassCount = static_cast<size_t>(PuntClass::kCount);

// X(enumerator, label, class, help)
#define FLYOVER_PUNT_REASONS(X)                                                              \
  X(kArp, "arp", kLink, "ARP")                                                               \
  X(kNeighborDiscovery, "nd", kLink, "ICMPv6 types 133 to 137")                              \
  X(kLinkControl, "link_control", kLink, "LLC and frames to 01:80:c2:00:00:xx (LLDP, LACP)") \
  X(kRoutingProtocol, "routing_protocol", kRouting, "unicast BGP, OSPF, BFD, RIP, VRRP")     \
  X(kControlMulticast, "control_multicast", kRouting, "multicast of a control protocol")     \
  X(kIsis, "isis", kRouting, "IS-IS")                                                        \
  X(kSsh, "ssh", kManagement, "TCP port 22 of an own address")                               \
  X(kDhcp, "dhcp", kOther, "DHCP (UDP 67, 68, 546, 547)")                                    \
  X(kLocal, "local", kOther, "any other packet to an own address")

enum class PuntReason : uint8_t {
#define X(name, label, cls, help) name,
  FLYOVER_PUNT_REASONS(X)
#undef X
      kCount,
};
inline constexpr size_t kPuntReasonCount = static_cast<size_t>(PuntReason::kCount);

struct DropReasonInfo {
  std::string_view label;
  std::string_view help;
};
struct PuntClassInfo {
  std::string_view label;
  std::string_view help;
  uint32_t default_rate;  // packets per second and lcore
};
struct PuntReasonInfo {
  std::string_view label;
  PuntClass punt_class;
  std::string_view help;
};

inline constexpr std::array<DropReasonInfo, kDropReasonCount> kDropReasons = {{
#define X(name, label, help) {label, help},
    FLYOVER_DROP_REASONS(X)
#undef X
}};
inline constexpr std::array<PuntClassInfo, kPuntClassCount> kPuntClasses = {{
#define X(name, label, help, rate) {label, help, rate},
    FLYOVER_PUNT_CLASSES(X)
#undef X
}};
inline constexpr std::array<PuntReasonInfo, kPuntReasonCount> kPuntReasons = {{
#define X(name, label, cls, help) {label, PuntClass::cls, help},
    FLYOVER_PUNT_REASONS(X)
#undef X
}};

inline const DropReasonInfo& Info(DropReason r) { return kDropReasons[static_cast<size_t>(r)]; }
inline const PuntClassInfo& Info(PuntClass c) { return kPuntClasses[static_cast<size_t>(c)]; }
inline const PuntReasonInfo& Info(PuntReason r) { return kPuntReasons[static_cast<size_t>(r)]; }

}  // namespace flyover
