#include "common/testing/packet_printer.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace flyover::test {
namespace {

uint32_t Get16(const Bytes& b, size_t at) { return uint32_t{b[at]} << 8 | b[at + 1]; }
uint32_t Get32(const Bytes& b, size_t at) { return Get16(b, at) << 16 | Get16(b, at + 2); }

__attribute__((format(printf, 1, 2))) std::string Format(const char* format, ...) {
  char text[256];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  return text;
}

std::string AddressText(const Bytes& b, size_t at, int family) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(family, b.data() + at, text, sizeof(text));
}

std::string MacText(const Bytes& b, size_t at) {
  return Format("%02x:%02x:%02x:%02x:%02x:%02x", b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4],
                b[at + 5]);
}

std::string DescribeL4(const Bytes& b, size_t at, uint32_t protocol) {
  if ((protocol == 6 || protocol == 17) && b.size() >= at + 8) {
    return Format("  %s %u -> %u\n", protocol == 6 ? "TCP" : "UDP", Get16(b, at), Get16(b, at + 2));
  }
  if ((protocol == 1 || protocol == 58) && b.size() >= at + 8) {
    return Format("  ICMP%s type %u code %u rest 0x%08x\n", protocol == 58 ? "v6" : "", b[at],
                  b[at + 1], Get32(b, at + 4));
  }
  return "";
}

std::string DescribeIp(const Bytes& b, size_t at, unsigned depth) {
  if (depth == 4 || at >= b.size()) return "";
  if (b[at] >> 4 == 4 && b.size() >= at + 20) {
    const uint32_t fragment = Get16(b, at + 6);
    std::string text = Format(
        "  IPv4 %s -> %s ttl %u tos 0x%02x length %u id 0x%04x fragment 0x%04x protocol %u "
        "checksum 0x%04x ihl %u\n",
        AddressText(b, at + 12, AF_INET).c_str(), AddressText(b, at + 16, AF_INET).c_str(),
        b[at + 8], b[at + 1], Get16(b, at + 2), Get16(b, at + 4), fragment, b[at + 9],
        Get16(b, at + 10), b[at] & 15);
    const size_t l4 = at + (b[at] & 15u) * size_t{4};
    if ((fragment & 0x1fff) != 0) return text;
    if (b[at + 9] == 4 || b[at + 9] == 41) return text + DescribeIp(b, l4, depth + 1);
    return text + DescribeL4(b, l4, b[at + 9]);
  }
  if (b[at] >> 4 == 6 && b.size() >= at + 40) {
    std::string text = Format(
        "  IPv6 %s -> %s hlim %u class 0x%02x flow 0x%05x payload %u next %u\n",
        AddressText(b, at + 8, AF_INET6).c_str(), AddressText(b, at + 24, AF_INET6).c_str(),
        b[at + 7], Get32(b, at) >> 20 & 0xff, Get32(b, at) & 0xfffff, Get16(b, at + 4), b[at + 6]);
    if (b[at + 6] == 4 || b[at + 6] == 41) return text + DescribeIp(b, at + 40, depth + 1);
    return text + DescribeL4(b, at + 40, b[at + 6]);
  }
  return "";
}

std::string Hex(const Bytes& b) {
  std::string text;
  for (size_t row = 0; row < b.size(); row += 16) {
    text += Format("  %04zx ", row);
    for (size_t i = row; i < std::min(row + 16, b.size()); ++i) text += Format(" %02x", b[i]);
    text += "\n";
  }
  return text;
}

std::optional<std::string> CheckL4(const Bytes& packet, size_t l4, uint32_t protocol,
                                   Bytes addresses, bool v6) {
  const Bytes segment(packet.begin() + static_cast<long>(l4), packet.end());
  const size_t smallest = protocol == 6 ? 20 : 8;
  if (segment.size() < smallest) return std::nullopt;  // nothing to check in what is not whole
  if (protocol == 17) {
    if (Get16(segment, 4) != segment.size()) return "UDP length is not the IP payload's";
    if (Get16(segment, 6) == 0) return v6 ? std::optional("UDP without checksum") : std::nullopt;
  }
  Bytes all;
  if (protocol != 1) {
    all = std::move(addresses);
    all.push_back(0);
    all.push_back(static_cast<uint8_t>(protocol));
    all.push_back(static_cast<uint8_t>(segment.size() >> 8));
    all.push_back(static_cast<uint8_t>(segment.size()));
  }
  if (InternetChecksum(Join(all, segment)) == 0) return std::nullopt;
  return Format("checksum of protocol %u is wrong", protocol);
}

std::optional<std::string> CheckIp(const Bytes& b, size_t at) {
  if (at >= b.size()) return "no IP header";
  const Bytes packet(b.begin() + static_cast<long>(at), b.end());
  uint32_t protocol;
  size_t l4;
  Bytes addresses;
  const bool v6 = packet[0] >> 4 == 6;
  if (!v6) {
    if (packet.size() < 20) return "IPv4 header is cut";
    l4 = (packet[0] & 15u) * size_t{4};
    if (l4 < 20 || l4 > packet.size()) return "IPv4 header length";
    if (Get16(packet, 2) != packet.size()) return "IPv4 total length is not the packet's";
    if (InternetChecksum(Cut(packet, l4)) != 0) return "IPv4 header checksum is wrong";
    if ((Get16(packet, 6) & 0x3fff) != 0) return std::nullopt;
    protocol = packet[9];
    addresses.assign(packet.begin() + 12, packet.begin() + 20);
  } else {
    if (packet.size() < 40) return "IPv6 header is cut";
    if (Get16(packet, 4) + 40 != packet.size()) return "IPv6 payload length is not the packet's";
    l4 = 40;
    protocol = packet[6];
    addresses.assign(packet.begin() + 8, packet.begin() + 40);
  }
  if (protocol == 4 || protocol == 41) return CheckIp(packet, l4);
  if (protocol != 6 && protocol != 17 && protocol != (v6 ? 58 : 1)) return std::nullopt;
  return CheckL4(packet, l4, protocol, std::move(addresses), v6);
}

}  // namespace

std::string Describe(const Bytes& frame) {
  std::string text = Format("%zu bytes\n", frame.size());
  if (frame.size() >= 14) {
    text += "  Ethernet " + MacText(frame, 6) + " -> " + MacText(frame, 0) +
            Format(" type 0x%04x\n", Get16(frame, 12));
    if (Get16(frame, 12) == 0x0800 || Get16(frame, 12) == 0x86dd) text += DescribeIp(frame, 14, 0);
  }
  return text + Hex(frame);
}

std::optional<std::string> WhatIsWrongWith(const Bytes& frame) {
  if (frame.size() < 14) return "no whole Ethernet header";
  const uint32_t type = Get16(frame, 12);
  if (type != 0x0800 && type != 0x86dd) return std::nullopt;
  if (frame.size() > 14 && (frame[14] >> 4 == 6) != (type == 0x86dd)) return "EtherType is wrong";
  return CheckIp(frame, 14);
}

std::string Difference(const Bytes& wanted, const Bytes& got) {
  size_t at = 0;
  while (at < std::min(wanted.size(), got.size()) && wanted[at] == got[at]) ++at;
  if (at == wanted.size() && at == got.size()) return "";
  return Format("first difference at byte %zu\nwanted: ", at) + Describe(wanted) +
         "got: " + Describe(got);
}

}  // namespace flyover::test
