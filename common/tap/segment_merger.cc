#include "common/tap/segment_merger.h"

#include <cstring>

#include "common/net/checksum.h"

namespace flyover {
namespace {

constexpr unsigned kIp = sizeof(EthernetHeader);
constexpr uint32_t kMaxIpLength = 0xffff;

template <typename Header>
const Header& At(const uint8_t* frame, unsigned offset) {
  return *reinterpret_cast<const Header*>(frame + offset);
}

// IP headers of one stream: equal but for length, id and checksum.
bool SameIpv4(const Ipv4Header& a, const Ipv4Header& b) {
  return a.tos == b.tos && a.fragment == b.fragment && a.ttl == b.ttl && a.src == b.src &&
         a.dst == b.dst;
}
bool SameIpv6(const Ipv6Header& a, const Ipv6Header& b) {
  return a.version_class_flow == b.version_class_flow && a.hop_limit == b.hop_limit &&
         std::memcmp(a.src, b.src, sizeof(a.src) + sizeof(a.dst)) == 0;
}

template <typename Ip>
bool TcpChecksumOk(const Ip& ip, const uint8_t* tcp, uint32_t length) {
  ChecksumAccumulator sum;
  AddPseudoHeader(sum, ip, kProtoTcp, static_cast<uint16_t>(length));
  sum.Add(tcp, length);
  return sum.Fold() == 0xffff;
}

}  // namespace

bool SegmentMerger::Parse(const rte_mbuf* m, Segment& segment) {
  if (m->nb_segs != 1 || m->data_len < kIp + sizeof(Ipv4Header) + sizeof(TcpHeader)) return false;
  const auto* const frame = rte_pktmbuf_mtod(m, const uint8_t*);
  const uint16_t type = At<EthernetHeader>(frame, 0).type.host();
  const uint32_t available = m->data_len - kIp;
  uint32_t ip_length = 0;
  unsigned ip_header = 0;
  if (type == kEtherTypeIpv4) {
    const auto& ip = At<Ipv4Header>(frame, kIp);
    if (ip.version_ihl != 0x45 || ip.protocol != kProtoTcp || !Ipv4ChecksumOk(ip) ||
        (ip.fragment.host() & (kIpv4MoreFragments | kIpv4OffsetMask)) != 0) {
      return false;
    }
    ip_header = sizeof(Ipv4Header);
    ip_length = ip.total_length.host();
  } else if (type == kEtherTypeIpv6) {
    const auto& ip = At<Ipv6Header>(frame, kIp);
    ip_header = sizeof(Ipv6Header);
    if (available < ip_header + sizeof(TcpHeader) || ip.next_header != kProtoTcp) return false;
    ip_length = ip_header + ip.payload_length.host();
  } else {
    return false;
  }
  if (ip_length > available || ip_length < ip_header + sizeof(TcpHeader)) return false;
  const auto& tcp = At<TcpHeader>(frame, kIp + ip_header);
  const unsigned tcp_header = (tcp.data_offset >> 4) * 4u;
  const uint32_t tcp_length = ip_length - ip_header;
  if (tcp_header < sizeof(TcpHeader) || tcp_header >= tcp_length) return false;
  if ((tcp.flags & ~kTcpPsh) != kTcpAck || (tcp.data_offset & 0xf) != 0) return false;
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&tcp);
  segment = {.frame = frame,
             .tcp = kIp + ip_header,
             .data = kIp + ip_header + tcp_header,
             .length = tcp_length - tcp_header,
             .ipv6 = type == kEtherTypeIpv6};
  return segment.ipv6 ? TcpChecksumOk(At<Ipv6Header>(frame, kIp), bytes, tcp_length)
                      : TcpChecksumOk(At<Ipv4Header>(frame, kIp), bytes, tcp_length);
}

bool SegmentMerger::Follows(const Segment& next) const {
  if (closed_ || segments_ == kMaxSegments || next.ipv6 != first_.ipv6 ||
      next.data != first_.data || next.length > first_.length ||
      first_.data - kIp + length_ + next.length > kMaxIpLength) {
    return false;
  }
  if (std::memcmp(first_.frame, next.frame, kIp) != 0) return false;
  const bool same_ip =
      next.ipv6 ? SameIpv6(At<Ipv6Header>(first_.frame, kIp), At<Ipv6Header>(next.frame, kIp))
                : SameIpv4(At<Ipv4Header>(first_.frame, kIp), At<Ipv4Header>(next.frame, kIp));
  const auto& a = At<TcpHeader>(first_.frame, first_.tcp);
  const auto& b = At<TcpHeader>(next.frame, next.tcp);
  const unsigned options = first_.data - first_.tcp - static_cast<unsigned>(sizeof(TcpHeader));
  return same_ip && a.src_port == b.src_port && a.dst_port == b.dst_port &&
         b.sequence.host() == next_sequence_ && a.acknowledgement == b.acknowledgement &&
         a.window == b.window && a.urgent == b.urgent && std::memcmp(&a + 1, &b + 1, options) == 0;
}

bool SegmentMerger::Add(const rte_mbuf* m) {
  Segment segment;
  if (!Parse(m, segment)) return false;
  const auto& tcp = At<TcpHeader>(segment.frame, segment.tcp);
  if (segments_ == 0) {
    first_ = segment;
    length_ = 0;
    closed_ = false;
  } else if (!Follows(segment)) {
    return false;
  }
  iov_[2 + segments_++] = {const_cast<uint8_t*>(segment.frame) + segment.data, segment.length};
  length_ += segment.length;
  next_sequence_ = tcp.sequence.host() + segment.length;
  closed_ = segment.length < first_.length || (tcp.flags & kTcpPsh) != 0;
  return true;
}

std::span<const iovec> SegmentMerger::Frame() {
  std::memcpy(headers_.data(), first_.frame, first_.data);
  auto& tcp = *reinterpret_cast<TcpHeader*>(headers_.data() + first_.tcp);
  const uint32_t tcp_length = first_.data - first_.tcp + length_;
  ChecksumAccumulator pseudo;
  if (first_.ipv6) {
    auto& ip = *reinterpret_cast<Ipv6Header*>(headers_.data() + kIp);
    ip.payload_length = Be16(static_cast<uint16_t>(tcp_length));
    AddPseudoHeader(pseudo, ip, kProtoTcp, static_cast<uint16_t>(tcp_length));
  } else {
    auto& ip = *reinterpret_cast<Ipv4Header*>(headers_.data() + kIp);
    ip.total_length = Be16(static_cast<uint16_t>(sizeof(Ipv4Header) + tcp_length));
    ip.checksum = Be16(0);
    ip.checksum = Checksum(&ip, sizeof(ip));
    AddPseudoHeader(pseudo, ip, kProtoTcp, static_cast<uint16_t>(tcp_length));
  }
  // Only the last segment can have been pushed.
  const auto* last = static_cast<const uint8_t*>(iov_[1 + segments_].iov_base) - first_.data;
  tcp.flags = static_cast<uint8_t>(tcp.flags | (At<TcpHeader>(last, first_.tcp).flags & kTcpPsh));
  // The kernel takes the checksum for one that hardware would finish, and so for right: each
  // segment's was looked at.
  tcp.checksum = Be16::FromRaw(pseudo.Fold());
  kernel_header_ = {};
  kernel_header_.flags = kTapNeedsChecksum;
  kernel_header_.gso_type = first_.ipv6 ? kTapTcpIpv6 : kTapTcpIpv4;
  kernel_header_.header_length = static_cast<uint16_t>(first_.data);
  kernel_header_.segment_size = static_cast<uint16_t>(first_.length);
  kernel_header_.checksum_start = static_cast<uint16_t>(first_.tcp);
  kernel_header_.checksum_offset = offsetof(TcpHeader, checksum);
  iov_[0] = {&kernel_header_, sizeof(kernel_header_)};
  iov_[1] = {headers_.data(), first_.data};
  return {iov_.data(), size_t{2} + segments_};
}

}  // namespace flyover
