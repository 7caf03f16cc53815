#include "lb/datapath/vip_answer.h"

#include <cstddef>
#include <cstring>

#include "common/net/checksum.h"
#include "common/net/headers.h"

namespace flyover::lb {
namespace {

constexpr uint8_t kTtl = 64;

template <typename Header>
void SetL4Checksum(const Header& ip, const VipAnswer& answer, uint8_t* l4) {
  const size_t at =
      answer.protocol == kProtoTcp ? offsetof(TcpHeader, checksum) : offsetof(IcmpHeader, checksum);
  std::memset(l4 + at, 0, sizeof(Be16));
  ChecksumAccumulator sum;
  if (answer.protocol != kProtoIcmp) AddPseudoHeader(sum, ip, answer.protocol, answer.carried);
  sum.Add(l4, answer.carried);
  const Be16 checksum = sum.Finish();
  std::memcpy(l4 + at, &checksum, sizeof(checksum));
}

}  // namespace

uint16_t VipAnswer::header() const { return to.is_v6() ? sizeof(Ipv6Header) : sizeof(Ipv4Header); }

void WriteVipAnswer(const VipAnswer& answer, uint8_t* ip) {
  uint8_t* const l4 = ip + answer.header();
  if (answer.to.is_v6()) {
    Ipv6Header out{};
    out.version_class_flow = Be32(6u << 28);
    out.payload_length = Be16(answer.carried);
    out.next_header = answer.protocol;
    out.hop_limit = kTtl;
    std::memcpy(out.src, answer.from.bytes().data(), 16);
    std::memcpy(out.dst, answer.to.bytes().data(), 16);
    std::memcpy(ip, &out, sizeof(out));
    SetL4Checksum(out, answer, l4);
    return;
  }
  Ipv4Header out{};
  out.version_ihl = 0x45;
  out.total_length = Be16(answer.length());
  out.fragment = Be16(kIpv4DontFragment);
  out.ttl = kTtl;
  out.protocol = answer.protocol;
  out.src = Be32(answer.from.v4().value);
  out.dst = Be32(answer.to.v4().value);
  out.checksum = Checksum(&out, sizeof(out));
  std::memcpy(ip, &out, sizeof(out));
  SetL4Checksum(out, answer, l4);
}

void DescribeVipAnswer(const VipAnswer& answer, uint16_t l3_offset, PacketMeta& meta) {
  const bool v6 = answer.to.is_v6();
  meta.lookup = answer.to.bytes();
  meta.lookup_v6 = v6;
  meta.l3_offset = l3_offset;
  meta.l3_length = answer.length();
  meta.l4_offset = static_cast<uint16_t>(l3_offset + answer.header());
  meta.protocol = answer.protocol;
  meta.flags = static_cast<uint16_t>(kOriginated | kL4Valid | (v6 ? kIpv6 : 0) |
                                     (answer.protocol == kProtoTcp ? 0 : kIcmpError));
}

}  // namespace flyover::lb
