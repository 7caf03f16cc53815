#include "lb/datapath/vip_reject.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "common/datapath/normalize.h"
#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::lb {
namespace {

constexpr uint8_t kTtl = 64;
constexpr uint8_t kPortUnreachableV4 = 3;  // RFC 792
// The IP header and eight bytes (RFC 792, RFC 1812 4.3.2.3 allows more).
constexpr unsigned kMostQuoted = 68;

struct Answer {
  uint8_t protocol;
  uint16_t length;  // behind the IP header
};

// RFC 9293 3.10.7.1: what carries an ACK is answered from there, all else is acknowledged.
Answer WriteReset(const TcpHeader& in, uint32_t data, uint8_t* out) {
  TcpHeader tcp{};
  tcp.src_port = in.dst_port;
  tcp.dst_port = in.src_port;
  tcp.data_offset = sizeof(TcpHeader) / 4 << 4;
  if ((in.flags & kTcpAck) != 0) {
    tcp.sequence = in.acknowledgement;
    tcp.flags = kTcpRst;
  } else {
    const uint32_t counted =
        data + ((in.flags & kTcpSyn) != 0 ? 1 : 0) + ((in.flags & kTcpFin) != 0 ? 1 : 0);
    tcp.acknowledgement = Be32(in.sequence.host() + counted);
    tcp.flags = kTcpRst | kTcpAck;
  }
  std::memcpy(out, &tcp, sizeof(tcp));
  return {kProtoTcp, sizeof(TcpHeader)};
}

// `quoted`: the offending packet from its IP header on.
Answer WritePortUnreachable(bool v6, const uint8_t* quoted, unsigned length, uint8_t* out) {
  IcmpHeader icmp{};
  icmp.type = v6 ? uint8_t{kIcmpv6Unreachable} : uint8_t{kIcmpUnreachable};
  icmp.code = v6 ? uint8_t{kIcmpv6PortUnreachable} : kPortUnreachableV4;
  std::memcpy(out, &icmp, sizeof(icmp));
  std::memcpy(out + sizeof(icmp), quoted, length);
  return {v6 ? kProtoIcmpv6 : kProtoIcmp, static_cast<uint16_t>(sizeof(icmp) + length)};
}

template <typename Header>
void SetL4Checksum(const Header& ip, const Answer& answer, uint8_t* l4) {
  ChecksumAccumulator sum;
  if (answer.protocol != kProtoIcmp) AddPseudoHeader(sum, ip, answer.protocol, answer.length);
  sum.Add(l4, answer.length);
  const Be16 checksum = sum.Finish();
  const size_t at =
      answer.protocol == kProtoTcp ? offsetof(TcpHeader, checksum) : offsetof(IcmpHeader, checksum);
  std::memcpy(l4 + at, &checksum, sizeof(checksum));
}

}  // namespace

bool RejectUnknownPort(StageContext& context, LbLcore& lcore, rte_mbuf* m, PacketMeta& meta) {
  const bool v6 = (meta.flags & kIpv6) != 0;
  const bool tcp = meta.protocol == kProtoTcp;
  if (!tcp && meta.protocol != kProtoUdp) return false;
  if ((meta.flags & (kL2Group | kLinkLocalSource)) != 0) return false;
  const auto* const segment = HeaderAt<TcpHeader>(m, meta.l4_offset);
  if (tcp && (segment->flags & kTcpRst) != 0) return false;
  if (!lcore.rejects.Take(context.now())) return false;

  // The new packet is put together aside: it overlaps the old one.
  std::array<uint8_t, sizeof(Ipv6Header) + sizeof(IcmpHeader) + kMostQuoted> made{};
  const unsigned header = v6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header);
  const auto* const old = HeaderAt<uint8_t>(m, meta.l3_offset);
  const unsigned l4 = meta.l4_offset - meta.l3_offset;
  Answer answer{};
  if (tcp) {
    const uint32_t data = meta.l3_length - l4 - (segment->data_offset >> 4) * 4u;
    answer = WriteReset(*segment, data, made.data() + header);
  } else {
    const unsigned quoted = std::min(std::min<unsigned>(l4 + 8, meta.l3_length), kMostQuoted);
    answer = WritePortUnreachable(v6, old, quoted, made.data() + header);
  }
  const auto length = static_cast<uint16_t>(header + answer.length);
  if (v6) {
    const auto& from = *reinterpret_cast<const Ipv6Header*>(old);
    auto& ip = *reinterpret_cast<Ipv6Header*>(made.data());
    ip.version_class_flow = Be32(6u << 28);
    ip.payload_length = Be16(answer.length);
    ip.next_header = answer.protocol;
    ip.hop_limit = kTtl;
    std::memcpy(ip.src, from.dst, 16);
    std::memcpy(ip.dst, from.src, 16);
    SetL4Checksum(ip, answer, made.data() + header);
    std::memcpy(meta.lookup.data(), ip.dst, 16);
  } else {
    const auto& from = *reinterpret_cast<const Ipv4Header*>(old);
    auto& ip = *reinterpret_cast<Ipv4Header*>(made.data());
    ip.version_ihl = 0x45;
    ip.total_length = Be16(length);
    ip.fragment = Be16(kIpv4DontFragment);
    ip.ttl = kTtl;
    ip.protocol = answer.protocol;
    ip.src = from.dst;
    ip.dst = from.src;
    ip.checksum = Checksum(&ip, sizeof(ip));
    SetL4Checksum(ip, answer, made.data() + header);
    meta.lookup.fill(0);
    std::memcpy(meta.lookup.data(), &ip.dst, 4);
  }
  const uint32_t whole = uint32_t{meta.l3_offset} + length;
  if (m->pkt_len > whole) {
    CutTo(m, whole);
  } else if (m->pkt_len < whole) {
    if (m->nb_segs != 1 ||
        rte_pktmbuf_append(m, static_cast<uint16_t>(whole - m->pkt_len)) == nullptr) {
      return false;
    }
  }
  std::memcpy(HeaderAt<uint8_t>(m, meta.l3_offset), made.data(), length);
  meta.l3_length = length;
  meta.l4_offset = static_cast<uint16_t>(meta.l3_offset + header);
  meta.protocol = answer.protocol;
  meta.lookup_v6 = v6;
  meta.flags &= static_cast<uint16_t>(~(kVip | kIpOptions | kRouterAlert));
  meta.flags |= kOriginated;
  if (!tcp) meta.flags |= kIcmpError;
  return true;
}

}  // namespace flyover::lb
