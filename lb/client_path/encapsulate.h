// A packet in the form in which the balancer sends it to a backend: the same headers as the stage
// lb/datapath/encap.h writes, for the few packets of probes.
//
// L2-DSR leaves a packet as it is; L3DSR gives it another destination and DSCP; tunnels put headers
// in front. Differences from the stage: a GUE source port from the inner one alone, no flow label,
// and the outer identification and checksum of IPv4 are left to the kernel that sends it.
//
// Pure. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lb/client_path/client_way.h"

namespace flyover::lb {

// REQUIRES: `packet` is one whole IP packet without extension headers or fragments, as this
// machine's kernel makes them. nullopt: it is not, or the way has no outer source.
std::optional<std::vector<uint8_t>> Encapsulate(const ClientWay& way, const IpAddress& backend,
                                                std::span<const uint8_t> packet);

// Of the outer header; nullopt: the way has none.
std::optional<uint8_t> OuterProtocol(const ClientWay& way);

// Where the packet's transport header begins, and which it is; nullopt: nothing of its kind.
struct Transport {
  size_t offset = 0;
  uint8_t protocol = 0;
};
std::optional<Transport> TransportOf(std::span<const uint8_t> packet);

// What a TCP packet with SYN announces as its maximum segment size; 0: it does not, or is none.
uint16_t AnnouncedMss(std::span<const uint8_t> packet, const Transport& transport);

}  // namespace flyover::lb
