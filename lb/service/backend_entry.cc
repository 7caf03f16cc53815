#include "lb/service/backend_entry.h"

#include <cassert>
#include <cstring>

#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::lb {
namespace {

// What stands between the outer IP header and the inner packet.
uint8_t ShimLength(const ServiceConfig& config) {
  switch (config.forward) {
    case ForwardMode::kGre:
      return sizeof(GreHeader);
    case ForwardMode::kGue:
      return config.gue.variant == 0 ? sizeof(UdpHeader) + sizeof(GueHeader) : sizeof(UdpHeader);
    default:
      return 0;
  }
}

void FillOuter(const TunnelSource& source, const IpAddress& address, BackendEntry& entry) {
  if (address.is_v4()) {
    assert(source.ipv4);
    Ipv4Header outer{};
    outer.version_ihl = 0x45;
    outer.ttl = kTunnelTtl;
    outer.src = Be32(source.ipv4->value);
    outer.dst = Be32(address.v4().value);
    // Encap adds what differs between packets.
    entry.outer_sum = static_cast<uint16_t>(~Checksum(&outer, sizeof(outer)).raw());
    std::memcpy(entry.outer.data(), &outer, sizeof(outer));
    entry.outer_length = sizeof(outer);
  } else {
    assert(source.ipv6);
    Ipv6Header outer{};
    outer.version_class_flow = Be32(6u << 28);
    outer.hop_limit = kTunnelTtl;
    std::memcpy(outer.src, source.ipv6->bytes.data(), 16);
    std::memcpy(entry.outer.data(), &outer, entry.outer.size());
    entry.outer_length = sizeof(outer);
  }
}

}  // namespace

BackendEntry MakeBackendEntry(ServiceId service, BackendState state, const ServiceConfig& config,
                              const BackendConfig& backend) {
  BackendEntry entry;
  entry.address = backend.address.bytes();
  entry.service = service;
  entry.state = state;
  entry.v6 = backend.address.is_v6();
  entry.forward = config.forward;
  entry.mss = config.tcp_mss;
  entry.tos = static_cast<uint8_t>(config.dscp << 2);
  entry.plain = config.forward == ForwardMode::kL2dsr && entry.mss == 0;
  if (!IsTunnel(config.forward)) return entry;
  FillOuter(config.source, backend.address, entry);
  entry.overhead = static_cast<uint8_t>(entry.outer_length + ShimLength(config));
  entry.may_cut = config.fragment && !entry.v6;
  entry.df = entry.may_cut ? DfPolicy::kClear : backend.df;
  entry.mtu = backend.mtu;
  entry.gue_variant = config.gue.variant;
  entry.gue_port = config.gue.port;
  entry.plain = config.forward == ForwardMode::kIpip && entry.mss == 0 && !entry.may_cut &&
                entry.df == DfPolicy::kCopy;
  return entry;
}

}  // namespace flyover::lb
