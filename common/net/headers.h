// Protocol headers as they lie on the wire. All are packed and byte aligned: reading through a
// pointer is safe at any address. Nothing here checks a length: callers make sure the bytes are
// there before they form a pointer.
#pragma once

#include <cstdint>

#include "common/net/byte_order.h"
#include "common/net/mac_address.h"

namespace flyover {

enum EtherType : uint16_t {
  kEtherTypeIpv4 = 0x0800,
  kEtherTypeArp = 0x0806,
  kEtherTypeVlan = 0x8100,
  kEtherTypeIpv6 = 0x86dd,
  kEtherTypeSlow = 0x8809,  // LACP (IEEE 802.3 annex 57A)
  kEtherTypeQinq = 0x88a8,
  kEtherTypeLldp = 0x88cc,
};
inline constexpr uint16_t kMinEtherType = 0x0600;  // below it the field is an 802.3 length

enum IpProtocol : uint8_t {
  kProtoHopByHop = 0,
  kProtoIcmp = 1,
  kProtoIgmp = 2,
  kProtoIpip = 4,
  kProtoTcp = 6,
  kProtoUdp = 17,
  kProtoIpv6 = 41,
  kProtoRouting = 43,
  kProtoFragment = 44,
  kProtoGre = 47,
  kProtoAh = 51,
  kProtoIcmpv6 = 58,
  kProtoNoNext = 59,
  kProtoDestOptions = 60,
  kProtoOspf = 89,
  kProtoPim = 103,
  kProtoVrrp = 112,
};

struct EthernetHeader {
  MacAddress dst;
  MacAddress src;
  Be16 type;
};
static_assert(sizeof(EthernetHeader) == 14 && alignof(EthernetHeader) == 1);

struct VlanHeader {  // behind an EtherType of 0x8100 or 0x88a8
  Be16 tci;          // priority:3, drop eligible:1, id:12
  Be16 type;
} __attribute__((packed));

struct Ipv4Header {  // RFC 791
  uint8_t version_ihl;
  uint8_t tos;
  Be16 total_length;
  Be16 id;
  Be16 fragment;  // reserved:1, DF:1, MF:1, offset:13 in units of 8 bytes
  uint8_t ttl;
  uint8_t protocol;
  Be16 checksum;
  Be32 src;
  Be32 dst;

  unsigned header_length() const { return (version_ihl & 0xfu) * 4u; }
} __attribute__((packed));
static_assert(sizeof(Ipv4Header) == 20);
inline constexpr uint16_t kIpv4DontFragment = 0x4000;
inline constexpr uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr uint16_t kIpv4OffsetMask = 0x1fff;

struct Ipv6Header {  // RFC 8200
  Be32 version_class_flow;
  Be16 payload_length;
  uint8_t next_header;
  uint8_t hop_limit;
  uint8_t src[16];
  uint8_t dst[16];

  uint8_t traffic_class() const { return static_cast<uint8_t>(version_class_flow.host() >> 20); }
  uint32_t flow_label() const { return version_class_flow.host() & 0xfffff; }
} __attribute__((packed));
static_assert(sizeof(Ipv6Header) == 40);

struct Ipv6FragmentHeader {
  uint8_t next_header;
  uint8_t reserved;
  Be16 offset_more;  // offset:13 in units of 8 bytes, reserved:2, more:1
  Be32 id;
} __attribute__((packed));

struct UdpHeader {
  Be16 src_port;
  Be16 dst_port;
  Be16 length;
  Be16 checksum;
} __attribute__((packed));

struct GreHeader {  // RFC 2784, without checksum
  Be16 flags_version;
  Be16 protocol;  // an EtherType
} __attribute__((packed));
static_assert(sizeof(GreHeader) == 4);

struct GueHeader {         // draft-ietf-intarea-gue 3.1: variant 0, without extensions
  uint8_t variant_length;  // variant:2, control:1, length of the extensions:5
  uint8_t protocol;        // of IP
  Be16 flags;
} __attribute__((packed));
static_assert(sizeof(GueHeader) == 4);

struct TcpHeader {
  Be16 src_port;
  Be16 dst_port;
  Be32 sequence;
  Be32 acknowledgement;
  uint8_t data_offset;  // upper four bits, in units of 4 bytes
  uint8_t flags;
  Be16 window;
  Be16 checksum;
  Be16 urgent;
} __attribute__((packed));
static_assert(sizeof(TcpHeader) == 20);
enum TcpFlag : uint8_t { kTcpFin = 1, kTcpSyn = 2, kTcpRst = 4, kTcpPsh = 8, kTcpAck = 16 };

struct IcmpHeader {  // RFC 792 and RFC 4443 share the first eight bytes
  uint8_t type;
  uint8_t code;
  Be16 checksum;
  Be32 rest;  // id and sequence, MTU, pointer or unused
} __attribute__((packed));
static_assert(sizeof(IcmpHeader) == 8);

enum IcmpType : uint8_t {
  kIcmpEchoReply = 0,
  kIcmpUnreachable = 3,
  kIcmpSourceQuench = 4,
  kIcmpRedirect = 5,
  kIcmpEcho = 8,
  kIcmpTimeExceeded = 11,
  kIcmpParameterProblem = 12,
};
enum IcmpUnreachableCode : uint8_t {
  kIcmpNetUnreachable = 0,
  kIcmpHostUnreachable = 1,
  kIcmpFragmentationNeeded = 4,
  kIcmpAdminProhibited = 13,
};
enum Icmpv6Type : uint8_t {
  kIcmpv6Unreachable = 1,
  kIcmpv6PacketTooBig = 2,
  kIcmpv6TimeExceeded = 3,
  kIcmpv6ParameterProblem = 4,
  kIcmpv6FirstInformational = 128,  // types below are errors
  kIcmpv6Echo = 128,
  kIcmpv6EchoReply = 129,
  kIcmpv6RouterSolicit = 133,
  kIcmpv6NeighborAdvert = 136,
  kIcmpv6Redirect = 137,
};
enum Icmpv6UnreachableCode : uint8_t {
  kIcmpv6NoRoute = 0,
  kIcmpv6AdminProhibited = 1,
  kIcmpv6BeyondScope = 2,
  kIcmpv6AddressUnreachable = 3,
  kIcmpv6PortUnreachable = 4,
};

}  // namespace flyover
