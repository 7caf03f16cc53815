#include "lb/datapath/vip_reject.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "common/datapath/normalize.h"
#include "common/net/headers.h"
#include "lb/datapath/vip_answer.h"

namespace flyover::lb {
namespace {

constexpr uint8_t kPortUnreachableV4 = 3;  // RFC 792
// The IP header and eight bytes (RFC 792, RFC 1812 4.3.2.3 allows more).
constexpr unsigned kMostQuoted = 68;

// Both give the bytes that they wrote; their checksums come later.
// RFC 9293 3.10.7.1: what carries an ACK is answered from there, all else is acknowledged.
uint16_t WriteReset(const TcpHeader& in, uint32_t data, uint8_t* out) {
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
  return sizeof(TcpHeader);
}

// `quoted`: the offending packet from its IP header on.
uint16_t WritePortUnreachable(bool v6, const uint8_t* quoted, unsigned length, uint8_t* out) {
  IcmpHeader icmp{};
  icmp.type = v6 ? uint8_t{kIcmpv6Unreachable} : uint8_t{kIcmpUnreachable};
  icmp.code = v6 ? uint8_t{kIcmpv6PortUnreachable} : kPortUnreachableV4;
  std::memcpy(out, &icmp, sizeof(icmp));
  std::memcpy(out + sizeof(icmp), quoted, length);
  return static_cast<uint16_t>(sizeof(icmp) + length);
}

IpAddress AddressAt(bool v6, const uint8_t* bytes) {
  if (v6) return Ipv6Address::FromBytes(bytes);
  return Ipv4Address{LoadBe32(bytes)};
}

}  // namespace

bool RejectUnknownPort(StageContext& context, LbLcore& lcore, rte_mbuf* m, PacketMeta& meta) {
  const bool v6 = (meta.flags & kIpv6) != 0;
  const bool tcp = meta.protocol == kProtoTcp;
  if (!tcp && meta.protocol != kProtoUdp) return false;
  if ((meta.flags & (kL2Group | kLinkLocalSource)) != 0) return false;
  const auto* const segment = HeaderAt<TcpHeader>(m, meta.l4_offset);
  if (tcp && (segment->flags & kTcpRst) != 0) return false;
  if (!lcore.answers.Take(context.now())) return false;

  // The new packet is put together aside: it overlaps the old one.
  std::array<uint8_t, sizeof(Ipv6Header) + sizeof(IcmpHeader) + kMostQuoted> made{};
  const unsigned header = v6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header);
  const auto* const old = HeaderAt<uint8_t>(m, meta.l3_offset);
  const unsigned l4 = meta.l4_offset - meta.l3_offset;
  VipAnswer answer;
  answer.from =
      AddressAt(v6, v6 ? old + offsetof(Ipv6Header, dst) : old + offsetof(Ipv4Header, dst));
  answer.to = AddressAt(v6, v6 ? old + offsetof(Ipv6Header, src) : old + offsetof(Ipv4Header, src));
  if (tcp) {
    const uint32_t data = meta.l3_length - l4 - (segment->data_offset >> 4) * 4u;
    answer.protocol = kProtoTcp;
    answer.carried = WriteReset(*segment, data, made.data() + header);
  } else {
    const unsigned quoted = std::min(std::min<unsigned>(l4 + 8, meta.l3_length), kMostQuoted);
    answer.protocol = v6 ? kProtoIcmpv6 : kProtoIcmp;
    answer.carried = WritePortUnreachable(v6, old, quoted, made.data() + header);
  }
  WriteVipAnswer(answer, made.data());
  const uint16_t length = answer.length();
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
  DescribeVipAnswer(answer, meta.l3_offset, meta);
  return true;
}

}  // namespace flyover::lb
