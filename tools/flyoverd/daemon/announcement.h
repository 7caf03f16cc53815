// Frames by which a box says which MAC an address lives at, without being asked: gratuitous ARP
// (RFC 5227 2.3) and unsolicited neighbour advertisements (RFC 4861 7.2.6).
#pragma once

#include <cstdint>
#include <vector>

#include "common/net/ip_address.h"
#include "common/net/mac_address.h"

namespace flyover {

// A complete Ethernet frame for `address`, of either family.
std::vector<uint8_t> BuildAnnouncement(const MacAddress& mac, const IpAddress& address);

}  // namespace flyover
