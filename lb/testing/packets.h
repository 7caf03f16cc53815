// Packets of tests, from the IP header on, as bytes. Checksums of IPv4 and ICMP are right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/net/ip_address.h"

namespace flyover::lb {

using Bytes = std::vector<uint8_t>;

inline IpAddress Ip(const char* text) { return *IpAddress::Parse(text); }

struct IpFields {
  uint8_t protocol = 6;
  uint8_t traffic_class = 0;
  uint8_t ttl = 61;
  uint16_t ipv4_fragment = 0;  // DF, MF and offset as in the header
  Bytes between;               // IPv4 options or IPv6 extension headers
  uint8_t ipv6_next = 0;       // of the IPv6 header, where there are extension headers
};
Bytes IpPacket(const IpAddress& src, const IpAddress& dst, const IpFields& fields,
               const Bytes& payload);
Bytes TcpSegment(uint16_t src_port, uint16_t dst_port, uint8_t flags, size_t data = 0);
Bytes UdpDatagram(uint16_t src_port, uint16_t dst_port, size_t data = 0);
// `src` and `dst` are for the pseudo-header of ICMPv6.
Bytes IcmpMessage(const IpAddress& src, const IpAddress& dst, uint8_t type, uint8_t code,
                  uint32_t rest, const Bytes& body);
// A plain TCP packet, protocol and family by the addresses.
Bytes TcpPacket(const char* src, uint16_t src_port, const char* dst, uint16_t dst_port,
                uint8_t flags = 0x10, size_t data = 0);

}  // namespace flyover::lb
