#include "lb/client_path/encapsulate.h"

#include <algorithm>
#include <cstring>

#include "common/net/byte_order.h"
#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::lb {
namespace {

constexpr uint8_t kTtl = 64;
constexpr uint8_t kEcnMask = 0x03;
constexpr uint16_t kGuePorts = 0xc000;  // source ports are from here on

struct Inner {
  bool v6;
  uint8_t traffic_class;
  bool may_fragment;
};

Inner ReadInner(std::span<const uint8_t> packet) {
  if (packet[0] >> 4 == 6) {
    return {true, reinterpret_cast<const Ipv6Header*>(packet.data())->traffic_class(), false};
  }
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(packet.data());
  return {false, ip.tos, (ip.fragment.host() & kIpv4DontFragment) == 0};
}

template <typename T>
void Append(std::vector<uint8_t>& to, const T& header) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&header);
  to.insert(to.end(), bytes, bytes + sizeof(header));
}

void AppendOuter(std::vector<uint8_t>& to, const IpAddress& source, const IpAddress& backend,
                 const Inner& inner, uint8_t protocol, size_t payload) {
  if (backend.is_v6()) {
    Ipv6Header ip{};
    ip.version_class_flow = Be32(6u << 28 | static_cast<uint32_t>(inner.traffic_class) << 20);
    ip.payload_length = Be16(static_cast<uint16_t>(payload));
    ip.next_header = protocol;
    ip.hop_limit = kTtl;
    std::memcpy(ip.src, source.data(), sizeof(ip.src));
    std::memcpy(ip.dst, backend.data(), sizeof(ip.dst));
    return Append(to, ip);
  }
  Ipv4Header ip{};
  ip.version_ihl = 0x45;
  ip.tos = inner.traffic_class;
  ip.total_length = Be16(static_cast<uint16_t>(sizeof(ip) + payload));
  ip.fragment = Be16(inner.may_fragment ? uint16_t{0} : kIpv4DontFragment);
  ip.ttl = kTtl;
  ip.protocol = protocol;
  ip.src = Be32(source.v4().value);
  ip.dst = Be32(backend.v4().value);
  Append(to, ip);
}

std::optional<std::vector<uint8_t>> InTunnel(const ClientWay& way, const IpAddress& backend,
                                             std::span<const uint8_t> packet,
                                             const Transport& transport) {
  if (!way.source || way.source->family() != backend.family()) return std::nullopt;
  const Inner inner = ReadInner(packet);
  const uint8_t next = inner.v6 ? kProtoIpv6 : kProtoIpip;
  const uint8_t protocol = *OuterProtocol(way);
  std::vector<uint8_t> out;
  switch (way.forward) {
    case ForwardMode::kGre:
      AppendOuter(out, *way.source, backend, inner, protocol, sizeof(GreHeader) + packet.size());
      Append(out, GreHeader{Be16(0), Be16(inner.v6 ? kEtherTypeIpv6 : kEtherTypeIpv4)});
      break;
    case ForwardMode::kGue: {
      const bool has_header = way.gue.variant == 0;
      const size_t length =
          sizeof(UdpHeader) + (has_header ? sizeof(GueHeader) : 0) + packet.size();
      AppendOuter(out, *way.source, backend, inner, protocol, length);
      const uint16_t port = kGuePorts | LoadBe16(packet.data() + transport.offset);
      Append(out, UdpHeader{Be16(port), Be16(way.gue.port), Be16(static_cast<uint16_t>(length)),
                            Be16(0)});
      if (has_header) Append(out, GueHeader{0, next, Be16(0)});
      break;
    }
    default:
      AppendOuter(out, *way.source, backend, inner, protocol, packet.size());
  }
  out.insert(out.end(), packet.begin(), packet.end());
  return out;
}

// The checksum whose pseudo-header has the destination in it; 0: there is none.
size_t ChecksumOffset(const Transport& transport) {
  switch (transport.protocol) {
    case kProtoTcp:
      return transport.offset + offsetof(TcpHeader, checksum);
    case kProtoUdp:
      return transport.offset + offsetof(UdpHeader, checksum);
    case kProtoIcmpv6:
      return transport.offset + offsetof(IcmpHeader, checksum);
    default:
      return 0;
  }
}

std::vector<uint8_t> Readdressed(const ClientWay& way, const IpAddress& backend,
                                 std::span<const uint8_t> packet, const Transport& transport) {
  std::vector<uint8_t> out(packet.begin(), packet.end());
  const size_t length = backend.bits() / 8;
  size_t at = offsetof(Ipv4Header, dst);
  if (backend.is_v6()) {
    auto& ip = *reinterpret_cast<Ipv6Header*>(out.data());
    const uint32_t word = ip.version_class_flow.host();
    ip.version_class_flow = Be32((word & ~(0xfcu << 20)) | uint32_t{way.dscp} << 22);
    at = offsetof(Ipv6Header, dst);
  } else {
    auto& ip = *reinterpret_cast<Ipv4Header*>(out.data());
    ip.tos = static_cast<uint8_t>(way.dscp << 2 | (ip.tos & kEcnMask));
  }
  if (const size_t field = ChecksumOffset(transport); field != 0) {
    Be16 sum = Be16::FromRaw(LoadUnaligned<uint16_t>(&out[field]));
    for (size_t i = 0; i < length; i += 2) {
      sum = UpdateChecksum(sum, LoadUnaligned<uint16_t>(&out[at + i]),
                           LoadUnaligned<uint16_t>(backend.data() + i));
    }
    if (transport.protocol == kProtoUdp && sum.raw() == 0) sum = Be16(0xffff);
    StoreUnaligned(&out[field], sum.raw());
  }
  std::memcpy(&out[at], backend.data(), length);
  return out;
}

}  // namespace

std::optional<uint8_t> OuterProtocol(const ClientWay& way) {
  switch (way.forward) {
    case ForwardMode::kIpip:
      return way.vip.is_v6() ? kProtoIpv6 : kProtoIpip;
    case ForwardMode::kGre:
      return kProtoGre;
    case ForwardMode::kGue:
      return kProtoUdp;
    default:
      return std::nullopt;
  }
}

std::optional<Transport> TransportOf(std::span<const uint8_t> packet) {
  if (packet.empty()) return std::nullopt;
  Transport transport;
  if (packet[0] >> 4 == 6) {
    if (packet.size() < sizeof(Ipv6Header)) return std::nullopt;
    transport = {sizeof(Ipv6Header),
                 reinterpret_cast<const Ipv6Header*>(packet.data())->next_header};
  } else {
    if (packet[0] >> 4 != 4 || packet.size() < sizeof(Ipv4Header)) return std::nullopt;
    const auto& ip = *reinterpret_cast<const Ipv4Header*>(packet.data());
    if ((ip.fragment.host() & (kIpv4OffsetMask | kIpv4MoreFragments)) != 0) return std::nullopt;
    if (ip.header_length() < sizeof(Ipv4Header)) return std::nullopt;
    transport = {ip.header_length(), ip.protocol};
  }
  size_t needed = 0;
  switch (transport.protocol) {
    case kProtoTcp:
      needed = sizeof(TcpHeader);
      break;
    case kProtoUdp:
    case kProtoIcmp:
    case kProtoIcmpv6:
      needed = sizeof(UdpHeader);
      break;
    default:
      return std::nullopt;
  }
  if (packet.size() < transport.offset + needed) return std::nullopt;
  return transport;
}

uint16_t AnnouncedMss(std::span<const uint8_t> packet, const Transport& transport) {
  constexpr uint8_t kEnd = 0;
  constexpr uint8_t kNothing = 1;
  constexpr uint8_t kMss = 2;  // RFC 9293 3.2
  if (transport.protocol != kProtoTcp) return 0;
  const auto& tcp = *reinterpret_cast<const TcpHeader*>(packet.data() + transport.offset);
  if ((tcp.flags & kTcpSyn) == 0) return 0;
  const size_t end = std::min(packet.size(), transport.offset + (tcp.data_offset >> 4) * size_t{4});
  for (size_t at = transport.offset + sizeof(TcpHeader); at < end;) {
    if (packet[at] == kEnd) return 0;
    if (packet[at] == kNothing) {
      ++at;
      continue;
    }
    if (at + 2 > end || packet[at + 1] < 2) return 0;
    if (packet[at] == kMss && packet[at + 1] == 4 && at + 4 <= end) {
      return LoadBe16(&packet[at + 2]);
    }
    at += packet[at + 1];
  }
  return 0;
}

std::optional<std::vector<uint8_t>> Encapsulate(const ClientWay& way, const IpAddress& backend,
                                                std::span<const uint8_t> packet) {
  const auto transport = TransportOf(packet);
  if (!transport) return std::nullopt;
  switch (way.forward) {
    case ForwardMode::kL2dsr:
      return std::vector<uint8_t>(packet.begin(), packet.end());
    case ForwardMode::kL3dsr:
      if ((packet[0] >> 4 == 6) != backend.is_v6()) return std::nullopt;
      return Readdressed(way, backend, packet, *transport);
    default:
      return InTunnel(way, backend, packet, *transport);
  }
}

}  // namespace flyover::lb
