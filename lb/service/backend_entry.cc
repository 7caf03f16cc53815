#include "lb/service/backend_entry.h"

#include <cassert>
#include <cstring>

#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::lb {

BackendEntry MakeDirectBackend(ServiceId service, BackendState state, const IpAddress& address) {
  BackendEntry entry;
  entry.address = address.bytes();
  entry.service = service;
  entry.state = state;
  entry.v6 = address.is_v6();
  return entry;
}

BackendEntry MakeTunnelBackend(ServiceId service, BackendState state, const IpAddress& address,
                               const IpAddress& source) {
  assert(source.family() == address.family());
  BackendEntry entry = MakeDirectBackend(service, state, address);
  if (address.is_v4()) {
    Ipv4Header outer{};
    outer.version_ihl = 0x45;
    outer.ttl = kTunnelTtl;
    outer.src = Be32(source.v4().value);
    outer.dst = Be32(address.v4().value);
    outer.checksum = Checksum(&outer, sizeof(outer));  // encap adds what differs between packets
    std::memcpy(entry.outer.data(), &outer, sizeof(outer));
    entry.outer_length = sizeof(outer);
  } else {
    Ipv6Header outer{};
    outer.version_class_flow = Be32(6u << 28);
    outer.hop_limit = kTunnelTtl;
    std::memcpy(outer.src, source.data(), 16);
    std::memcpy(outer.dst, address.data(), 16);
    std::memcpy(entry.outer.data(), &outer, sizeof(outer));
    entry.outer_length = sizeof(outer);
  }
  return entry;
}

}  // namespace flyover::lb
