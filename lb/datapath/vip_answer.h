// Packets that the balancer makes itself, from a VIP to a client: their IP header, and the checksum
// of what they carry. TCP, ICMP or ICMPv6; hop limit 64, never fragmented.
#pragma once

#include <cstdint>

#include "common/datapath/burst.h"
#include "common/net/ip_address.h"

namespace flyover::lb {

struct VipAnswer {
  IpAddress from, to;    // of one family
  uint8_t protocol = 0;  // kProtoTcp, kProtoIcmp, kProtoIcmpv6
  uint16_t carried = 0;  // bytes behind the IP header

  uint16_t header() const;  // bytes of the IP header
  uint16_t length() const { return static_cast<uint16_t>(header() + carried); }
};

// Writes the IP header at `ip` and the checksum into what is already there behind it.
void WriteVipAnswer(const VipAnswer& answer, uint8_t* ip);

// What is known of the packet that has become the answer, whose IP header is at `l3_offset`. It
// goes to route next.
void DescribeVipAnswer(const VipAnswer& answer, uint16_t l3_offset, PacketMeta& meta);

}  // namespace flyover::lb
