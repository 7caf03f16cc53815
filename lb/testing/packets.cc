#include "lb/testing/packets.h"

#include <cstring>

#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::lb {
namespace {

void Append(Bytes& to, const void* data, size_t length) {
  const auto* p = static_cast<const uint8_t*>(data);
  to.insert(to.end(), p, p + length);
}

}  // namespace

Bytes IpPacket(const IpAddress& src, const IpAddress& dst, const IpFields& fields,
               const Bytes& payload) {
  Bytes packet;
  if (src.is_v4()) {
    Ipv4Header ip{};
    const size_t header = sizeof(ip) + fields.between.size();
    ip.version_ihl = static_cast<uint8_t>(0x40 | header / 4);
    ip.tos = fields.traffic_class;
    ip.total_length = Be16(static_cast<uint16_t>(header + payload.size()));
    ip.id = Be16(0x1234);
    ip.fragment = Be16(fields.ipv4_fragment);
    ip.ttl = fields.ttl;
    ip.protocol = fields.protocol;
    ip.src = Be32(src.v4().value);
    ip.dst = Be32(dst.v4().value);
    Append(packet, &ip, sizeof(ip));
    Append(packet, fields.between.data(), fields.between.size());
    const Be16 checksum = Checksum(packet.data(), header);
    std::memcpy(&packet[10], &checksum, 2);
  } else {
    Ipv6Header ip{};
    ip.version_class_flow = Be32(6u << 28 | static_cast<uint32_t>(fields.traffic_class) << 20 | 7);
    ip.payload_length = Be16(static_cast<uint16_t>(fields.between.size() + payload.size()));
    ip.next_header = fields.between.empty() ? fields.protocol : fields.ipv6_next;
    ip.hop_limit = fields.ttl;
    std::memcpy(ip.src, src.data(), 16);
    std::memcpy(ip.dst, dst.data(), 16);
    Append(packet, &ip, sizeof(ip));
    Append(packet, fields.between.data(), fields.between.size());
  }
  Append(packet, payload.data(), payload.size());
  return packet;
}

Bytes TcpSegment(uint16_t src_port, uint16_t dst_port, uint8_t flags, size_t data) {
  TcpHeader tcp{};
  tcp.src_port = Be16(src_port);
  tcp.dst_port = Be16(dst_port);
  tcp.data_offset = 5 << 4;
  tcp.flags = flags;
  Bytes bytes;
  Append(bytes, &tcp, sizeof(tcp));
  for (size_t i = 0; i < data; ++i) bytes.push_back(static_cast<uint8_t>(i));
  return bytes;
}

Bytes UdpDatagram(uint16_t src_port, uint16_t dst_port, size_t data) {
  UdpHeader udp{};
  udp.src_port = Be16(src_port);
  udp.dst_port = Be16(dst_port);
  udp.length = Be16(static_cast<uint16_t>(sizeof(udp) + data));
  Bytes bytes;
  Append(bytes, &udp, sizeof(udp));
  bytes.resize(bytes.size() + data, 'x');
  return bytes;
}

Bytes IcmpMessage(const IpAddress& src, const IpAddress& dst, uint8_t type, uint8_t code,
                  uint32_t rest, const Bytes& body) {
  IcmpHeader icmp{};
  icmp.type = type;
  icmp.code = code;
  icmp.rest = Be32(rest);
  Bytes bytes;
  Append(bytes, &icmp, sizeof(icmp));
  Append(bytes, body.data(), body.size());
  ChecksumAccumulator sum;
  if (src.is_v6()) {
    Ipv6Header pseudo{};
    std::memcpy(pseudo.src, src.data(), 16);
    std::memcpy(pseudo.dst, dst.data(), 16);
    AddPseudoHeader(sum, pseudo, kProtoIcmpv6, static_cast<uint16_t>(bytes.size()));
  }
  sum.Add(bytes.data(), bytes.size());
  const Be16 checksum = sum.Finish();
  std::memcpy(&bytes[2], &checksum, 2);
  return bytes;
}

Bytes TcpPacket(const char* src, uint16_t src_port, const char* dst, uint16_t dst_port,
                uint8_t flags, size_t data) {
  return IpPacket(Ip(src), Ip(dst), {}, TcpSegment(src_port, dst_port, flags, data));
}

}  // namespace flyover::lb
